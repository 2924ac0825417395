// Command control-plane runs a Kubernetes control plane on loopback for the cluster tests.
//
//	control-plane run DIR all         starts everything, writes DIR/kubeconfig, prints "ready" and ends with its input
//	control-plane run DIR apiserver   the same without controllers, scheduler and kwok: objects can be written and read
//	control-plane part NAME           one of the parts; run starts them as processes of their own
//
// While it runs, the line "restart apiserver" of its input kills the API server and starts it again; "restarted" is
// printed when it serves.
//
// The parts cannot share a process: each registers its flags and metrics globally. Because run ends with its standard
// input, nothing is left over when a test is killed.
package main

import (
	"fmt"
	"os"
	"strings"

	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	var verb, operand string
	if len(os.Args) > 2 {
		verb, operand = os.Args[1], os.Args[2]
	}
	switch verb {
	case "run":
		if err := run(operand, len(os.Args) < 4 || os.Args[3] != "apiserver"); err != nil {
			fmt.Fprintln(os.Stderr, "control-plane:", err)
			os.Exit(1)
		}
	case "part":
		os.Args = append([]string{operand}, os.Args[3:]...)
		os.Exit(part(operand))
	default:
		fmt.Fprintln(os.Stderr, "usage: control-plane run DIR all|apiserver | control-plane part NAME [FLAGS]")
		os.Exit(2)
	}
}

// part runs one part with the flags in os.Args and returns its exit code.
func part(name string) int {
	switch name {
	case "apiserver":
		// The store lives and dies with the API server. Its directory and addresses come before the server's flags.
		if len(os.Args) < 4 {
			break
		}
		dir, client, peer := os.Args[1], os.Args[2], os.Args[3]
		if err := store(dir, client, peer); err != nil {
			fmt.Fprintln(os.Stderr, "control-plane: etcd:", err)
			return 1
		}
		os.Args = append([]string{name, "--etcd-servers=http://" + client}, os.Args[4:]...)
		return cli.Run(apiserver.NewAPIServerCommand())
	case "controllers":
		return cli.Run(controllers.NewControllerManagerCommand())
	case "scheduler":
		return cli.Run(scheduler.NewSchedulerCommand())
	}
	fmt.Fprintln(os.Stderr, "control-plane: no such part:", strings.Join(os.Args, " "))
	return 2
}
