module thaw/agent

go 1.19
