#include "base/rc.h"

typedef int wsp_placeholder;
