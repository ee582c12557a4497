#include "base/rc.h"

typedef int config_placeholder;
