#include "base/rc.h"

typedef int broker_placeholder;
