// SPDX-License-Identifier: GPL-3.0-or-later
// get [http]: crypto/tls alone, or net/http; for capture-hellos.
package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "http" {
		_, err := http.Get("https://invariance.test/")
		fmt.Println(err)
		return
	}
	_, err := tls.Dial("tcp", "invariance.test:443", &tls.Config{})
	fmt.Println(err)
}
