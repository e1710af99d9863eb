package routers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"

	"github.com/afterglow-go/afterglow/runner"
)

func newRunnerOfExample() *runner.Runner {
	after, err := runner.New(runner.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return after
}

// status is the answer to an order.
func status(err error) int {
	switch {
	case err == nil:
		return http.StatusCreated
	case errors.Is(err, runner.ErrQueueFull), errors.Is(err, runner.ErrStuck), errors.Is(err, runner.ErrClosed):
		return http.StatusServiceUnavailable
	default: // a mistake in the call
		return http.StatusInternalServerError
	}
}

// mails are the lines that sendMail has written.
var mails = make(chan string, 1)

func sendMail(ctx context.Context, id string) error {
	req, _ := runner.RequestFrom(ctx)
	mails <- fmt.Sprintf("mail for order %s, placed at %s", id, req.Pattern)
	return nil
}

// placeOneOrder serves h, and prints the response and then the mail.
func placeOneOrder(after *runner.Runner, h http.Handler, path, body string) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := after.Serve(ctx, &http.Server{Handler: h}, listener, runner.Budgets{})
		ended <- err
	}()
	transport := new(http.Transport)
	res, err := (&http.Client{Transport: transport}).Post("http://"+listener.Addr().String()+path, "application/json", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	fmt.Println(strings.TrimSpace(fmt.Sprint(res.StatusCode, " ", string(text))))
	fmt.Println(<-mails)
	transport.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
}
