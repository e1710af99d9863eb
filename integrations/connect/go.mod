module github.com/afterglow-go/afterglow/integrations/connect

go 1.26.0

require (
	connectrpc.com/connect v1.21.1
	github.com/afterglow-go/afterglow v0.0.0
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
	google.golang.org/protobuf v1.36.12
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace github.com/afterglow-go/afterglow => ../..
