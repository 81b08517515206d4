"""Where people and programs click: the page, the service, annotation tools, more than one machine."""
