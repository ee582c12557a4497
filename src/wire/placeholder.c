#include "base/rc.h"

typedef int wire_placeholder;
