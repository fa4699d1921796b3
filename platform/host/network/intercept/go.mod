module thaw/intercept

go 1.19
