module thaw/jail

go 1.19
