"""Source texts of the compiled code of cells, which `laws` puts together with the laws."""
