#include "base/rc.h"

typedef int ingest_placeholder;
