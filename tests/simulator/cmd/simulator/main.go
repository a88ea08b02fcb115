// Command simulator serves a simulated vCenter or ESXi to test against.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"spandrel/tests/simulator/internal/vcenter"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

// quiet drops a line that says nothing: the simulator has no log file for machines that were not made by a task.
type quiet struct{ next io.Writer }

// Write implements io.Writer.
func (q quiet) Write(line []byte) (int, error) {
	if bytes.HasSuffix(line, []byte("open : no such file or directory\n")) {
		return len(line), nil
	}
	return q.next.Write(line)
}

func run(args []string) error {
	log.SetOutput(quiet{os.Stderr})
	if len(args) == 0 || args[0] != "serve" {
		return errors.New("usage: simulator serve [options]; simulator serve -h says which")
	}
	var options vcenter.Options
	flags := flag.NewFlagSet("simulator serve", flag.ContinueOnError)
	flags.StringVar(&options.Listen, "listen", "127.0.0.1:0", "`address` to serve the API on, by TLS")
	flags.StringVar(&options.Control, "control", "127.0.0.1:0", "`address` of the control API, without TLS or login")
	flags.StringVar(&options.Identity, "identity", "", "`file` that keeps the certificate over a restart")
	flags.StringVar(&options.Username, "username", "administrator@vsphere.local", "the `user` that may log in")
	flags.StringVar(&options.Password, "password", "simulated", "the user's `password`")
	flags.IntVar(&options.VMs, "vms", 0, "how many virtual machines; 0 takes the scenario's own `number`")
	flags.StringVar(&options.Scenario, "scenario", "lifelike", "`lifelike`, odd or flat")
	flags.BoolVar(&options.ESX, "esx", false, "be a standalone ESXi host instead of a vCenter")
	flags.StringVar(&options.Version, "version", "8.0.3", "the product's `version`; before 7.0.2 there is no /api")
	flags.StringVar(&options.HostName, "host-name", "", "with -esx: the host's `name`")
	flags.StringVar(&options.HostUUID, "host-uuid", "", "with -esx: the hardware `UUID`, to be a host that a vCenter shows too")
	flags.IntVar(&options.MorefOffset, "moref-offset", 0, "give the same objects references that are `n` higher")
	flags.Float64Var(&options.Churn, "churn", 0, "`changes` a second")
	flags.Uint64Var(&options.Seed, "seed", 1, "decides names, UUIDs and changes")
	flags.IntVar(&options.UpdateLimit, "max-updates", 100, "most `objects` in one answer of WaitForUpdatesEx")
	flags.IntVar(&options.RetrieveLimit, "max-retrieve", 1000, "most `objects` in one answer of RetrievePropertiesEx")
	untilStdin := flags.Bool("exit-with-stdin", false, "end when standard input is closed")
	if err := flags.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	server, err := vcenter.Start(options)
	if err != nil {
		return err
	}
	defer server.Close()
	if err := json.NewEncoder(os.Stdout).Encode(server.Ready); err != nil {
		return err
	}

	end := make(chan os.Signal, 1)
	signal.Notify(end, os.Interrupt, syscall.SIGTERM)
	closed := make(chan struct{})
	if *untilStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(closed)
		}()
	}
	select {
	case <-end:
	case <-closed:
	}
	return nil
}
