typedef int control_placeholder;
