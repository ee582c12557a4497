#include "base/rc.h"

typedef int meta_placeholder;
