// Command govc is an independent reader (and writer) of a vCenter, built from the command packages of
// github.com/vmware/govmomi. The tests compare what the gateway says with what it says.
//
// The upstream govc command is a module of its own that the Go module proxy does not carry; its commands
// are in the library, and each package registers itself when it is imported.
package main

import (
	"os"

	"github.com/vmware/govmomi/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:]))
}
