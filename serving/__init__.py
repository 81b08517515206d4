"""Where people and programs click: the page, the service, annotation tools, several machines."""
