module github.com/afterglow-go/afterglow/integrations/lambda

go 1.26.0

require (
	github.com/afterglow-go/afterglow v0.0.0
	github.com/aws/aws-lambda-go v1.55.1
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace github.com/afterglow-go/afterglow => ../..
