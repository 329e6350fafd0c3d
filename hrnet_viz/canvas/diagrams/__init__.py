"""What the one diagram is made of: a sheet, a layout, marks for sites, values laid over them, the finished thing."""
