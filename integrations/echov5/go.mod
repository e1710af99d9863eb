module github.com/afterglow-go/afterglow/integrations/echov5

go 1.26.0

require (
	github.com/afterglow-go/afterglow v0.0.0
	github.com/labstack/echo/v5 v5.4.4
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace github.com/afterglow-go/afterglow => ../..
