// SPDX-License-Identifier: GPL-3.0-or-later

// What Go programs of a build do: HTTP/2 and HTTP/1.1 with pools, Happy Eyeballs, Go's own resolver.  Argument: the CA's certificate.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

func fail(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	pem, err := os.ReadFile(os.Args[1])
	fail(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	for _, two := range []bool{true, false} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: two, MaxIdleConnsPerHost: 20}}
		for round := 0; round < 2; round++ {
			var group sync.WaitGroup
			for i := 0; i < 60; i++ {
				group.Add(1)
				go func(i int) {
					defer group.Done()
					url := []string{"https://pool%d.test/hello", "http://git.test/hello?%d", "https://v6only.test/hello?%d"}[i%3]
					answer, err := client.Get(fmt.Sprintf(url, i%10))
					fail(err)
					body, err := io.ReadAll(answer.Body)
					fail(err)
					answer.Body.Close()
					if !strings.HasPrefix(string(body), "hello from ") {
						fail(fmt.Errorf("not the answer: %s", body))
					}
				}(i)
			}
			group.Wait()
		}
	}
	for _, name := range []string{"git.test", "v4only.test", "v6only.test", "chain0.test"} {
		_, err := net.LookupHost(name)
		fail(err)
	}
}
