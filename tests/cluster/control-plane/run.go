package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// What kwok does to nodes and pods.
//
//go:embed stages.yaml
var stages []byte

// One node with room for everything that a test schedules.
const node = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"node-0","labels":{"kubernetes.io/os":"linux"}},
"status":{"capacity":{"cpu":"256","memory":"1Ti","pods":"10000"},"allocatable":{"cpu":"256","memory":"1Ti","pods":"10000"}}}`

// Every write, in the order of the server.
const audit = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  verbs: [get, list, watch]
- level: Metadata
`

type plane struct {
	dir, server, token string
	client             http.Client
	parts              []*exec.Cmd
	running            sync.WaitGroup
	ended              chan string
	// The one that may end because it is restarted.
	restarting *exec.Cmd
	restarted  chan struct{}
}

// run starts the parts, or the API server alone, and ends them when the standard input does.
func run(dir string, all bool) error {
	// The parts end with the thread that started them.
	runtime.LockOSThread()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	ports, err := freePorts(5)
	if err != nil {
		return err
	}
	address := func(index int) string { return fmt.Sprintf("127.0.0.1:%d", ports[index]) }
	token := make([]byte, 16)
	if _, err := rand.Read(token); err != nil {
		return err
	}
	p := &plane{
		dir:    dir,
		server: "https://" + address(2),
		token:  hex.EncodeToString(token),
		client: http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		},
		ended:     make(chan string, 8),
		restarted: make(chan struct{}, 1),
	}
	defer p.stop()
	if err := p.files(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	port := func(index int) string { return fmt.Sprint("--secure-port=", ports[index]) }
	apiserver := func() error {
		return p.start("apiserver", self, "part", "apiserver", in("etcd"), address(0), address(1), port(2),
			"--bind-address=127.0.0.1", "--cert-dir="+in("certificates"), "--token-auth-file="+in("tokens.csv"),
			"--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/16",
			"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+in("accounts.key"),
			"--service-account-signing-key-file="+in("accounts.key"),
			"--audit-policy-file="+in("audit.yaml"), "--audit-log-path="+in("audit.log"))
	}
	serves := func() error {
		return p.wait("the API server", func() error { return p.request(http.MethodGet, "/readyz", "") })
	}
	if err := apiserver(); err != nil {
		return err
	}
	if err := serves(); err != nil {
		return err
	}
	if all {
		if err := p.rest(self, port); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	closed := make(chan struct{})
	commands := make(chan string)
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			commands <- lines.Text()
		}
		close(closed)
	}()
	for {
		select {
		case <-closed:
			p.stop()
			// The logs of a control plane that failed stay.
			return os.RemoveAll(dir)
		case <-commands:
			p.restarting = p.parts[0]
			_ = p.restarting.Process.Kill()
			<-p.restarted
			p.parts = p.parts[1:]
			if err := apiserver(); err != nil {
				return err
			}
			// It is stopped last, as it was started first.
			last := len(p.parts) - 1
			p.parts = append([]*exec.Cmd{p.parts[last]}, p.parts[:last]...)
			if err := serves(); err != nil {
				return err
			}
			fmt.Println("restarted")
		case name := <-p.ended:
			return fmt.Errorf("%s ended; see %s", name, in(name+".log"))
		}
	}
}

// rest starts all but the API server, and waits until they work.
func (p *plane) rest(self string, port func(int) string) error {
	in := func(name string) string { return filepath.Join(p.dir, name) }
	config := "--kubeconfig=" + in("kubeconfig")
	// Without the usual limits of requests, or a thousand Deployments take minutes.
	fast := []string{config, "--leader-elect=false", "--kube-api-qps=1000", "--kube-api-burst=2000", "--bind-address=127.0.0.1"}
	err := p.start("controllers", self, append([]string{"part", "controllers", port(3), "--use-service-account-credentials",
		"--service-account-private-key-file=" + in("accounts.key")}, fast...)...)
	if err != nil {
		return err
	}
	if err := p.start("scheduler", self, append([]string{"part", "scheduler", port(4)}, fast...)...); err != nil {
		return err
	}
	if err := p.start("kwok", filepath.Join(filepath.Dir(self), "kwok"), config, "--config="+in("stages.yaml"),
		"--manage-all-nodes=true", "--node-lease-duration-seconds=40", "--cidr=10.1.0.0/16", "--node-ip=10.99.0.1"); err != nil {
		return err
	}
	if err := p.wait("the node", func() error { return p.request(http.MethodPost, "/api/v1/nodes", node) }); err != nil {
		return err
	}
	// Pods are refused until their namespace has its account: that the controllers made one shows that they run.
	account := "/api/v1/namespaces/default/serviceaccounts/default"
	return p.wait("the controllers", func() error { return p.request(http.MethodGet, account, "") })
}

// files writes what the parts read.
func (p *plane) files() error {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	kubeconfig := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: {server: %q, insecure-skip-tls-verify: true}
users:
- name: admin
  user: {token: %q}
contexts:
- name: test
  context: {cluster: test, user: admin}
`, p.server, p.token)
	files := map[string][]byte{
		"accounts.key": encoded,
		"audit.yaml":   []byte(audit),
		"kubeconfig":   []byte(kubeconfig),
		"stages.yaml":  stages,
		"tokens.csv":   []byte(p.token + ",admin,admin,system:masters\n"),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(p.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (p *plane) start(name, program string, arguments ...string) error {
	log, err := os.OpenFile(filepath.Join(p.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	command := exec.Command(program, arguments...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = attributes()
	if err := command.Start(); err != nil {
		return err
	}
	p.parts = append(p.parts, command)
	p.running.Go(func() {
		_ = command.Wait()
		if p.restarting == command {
			p.restarted <- struct{}{}
			return
		}
		p.ended <- name
	})
	return nil
}

// stop ends the parts, the last one first.
func (p *plane) stop() {
	for i := len(p.parts) - 1; i >= 0; i-- {
		_ = p.parts[i].Process.Kill()
	}
	p.running.Wait()
}

// wait tries until it succeeds, a part ends, or it is too late.
func (p *plane) wait(what string, try func() error) error {
	deadline := time.Now().Add(4 * time.Minute)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case name := <-p.ended:
			return fmt.Errorf("%s ended; see %s", name, filepath.Join(p.dir, name+".log"))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (p *plane) request(method, path, body string) error {
	request, err := http.NewRequest(method, p.server+path, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 && response.StatusCode != http.StatusConflict {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return nil
}

// freePorts returns ports that nobody listened on a moment ago. They are held together, so they differ.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
