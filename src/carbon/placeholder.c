typedef int carbon_placeholder;
