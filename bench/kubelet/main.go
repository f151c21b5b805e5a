// SPDX-License-Identifier: Apache-2.0

// Program kubelet is the kubelet's side of the device plugin protocol for benchmarks: grpc-go and the
// kubelet's own generated API, as the real one has them. It starts a command, waits for its resources
// and prints, as JSON, how long that took and what Allocate costs.
//
//	kubelet -devices 560 -calls 20000 -dir DIR -- carved …
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

type server struct {
	api.UnimplementedRegistrationServer
	dir     string
	mutex   sync.Mutex
	devices map[string][]string // resource: ids
	clients map[string]api.DevicePluginClient
	changed chan struct{}
}

func (s *server) Register(_ context.Context, request *api.RegisterRequest) (*api.Empty, error) {
	connection, err := grpc.NewClient("unix://"+filepath.Join(s.dir, request.Endpoint),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		return nil, err
	}
	client := api.NewDevicePluginClient(connection)
	if _, err := client.GetDevicePluginOptions(context.Background(), &api.Empty{}); err != nil {
		return nil, err
	}
	stream, err := client.ListAndWatch(context.Background(), &api.Empty{})
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			list, err := stream.Recv()
			if err != nil {
				return
			}
			var ids []string
			for _, device := range list.Devices {
				if device.Health == api.Healthy {
					ids = append(ids, device.ID)
				}
			}
			s.mutex.Lock()
			s.devices[request.ResourceName], s.clients[request.ResourceName] = ids, client
			s.mutex.Unlock()
			s.changed <- struct{}{}
		}
	}()
	return &api.Empty{}, nil
}

func (s *server) count() (total int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, ids := range s.devices {
		total += len(ids)
	}
	return total
}

// cpu is the time that all threads of a process have run, in nanoseconds.
func cpu(pid int) (total int64) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		var ran int64
		fmt.Sscan(string(text), &ran)
		total += ran
	}
	return total
}

func percentile(sorted []time.Duration, percent int) float64 {
	return float64(sorted[len(sorted)*percent/100].Nanoseconds()) / 1000
}

func (s *server) allocate(calls, pid int, result map[string]any) {
	for resource, client := range s.clients {
		ids := s.devices[resource]
		took := make([]time.Duration, 0, calls)
		call := func(i int) {
			request := &api.AllocateRequest{ContainerRequests: []*api.ContainerAllocateRequest{
				{DevicesIds: []string{ids[i%len(ids)]}}}}
			if _, err := client.Allocate(context.Background(), request); err != nil {
				log.Fatal(err)
			}
		}
		for i := range 300 {
			call(i)
		}
		before := cpu(pid)
		for i := range calls {
			begin := time.Now()
			call(i)
			took = append(took, time.Since(begin))
		}
		used := cpu(pid) - before
		sort.Slice(took, func(a, b int) bool { return took[a] < took[b] })
		result["allocate_p50_us"] = percentile(took, 50)
		result["allocate_p99_us"] = percentile(took, 99)
		result["allocate_cpu_us"] = float64(used) / float64(calls) / 1000
		return
	}
}

func main() {
	devices := flag.Int("devices", 1, "healthy devices to wait for")
	calls := flag.Int("calls", 0, "Allocate calls to time")
	dir := flag.String("dir", "", "folder of kubelet.sock")
	hold := flag.Bool("hold", false, "print the result, then stay until SIGTERM")
	flag.Parse()

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	s := &server{dir: *dir, devices: map[string][]string{}, clients: map[string]api.DevicePluginClient{},
		changed: make(chan struct{}, 1024)}
	listener, err := net.Listen("unix", filepath.Join(*dir, "kubelet.sock"))
	if err != nil {
		log.Fatal(err)
	}
	grpcServer := grpc.NewServer()
	api.RegisterRegistrationServer(grpcServer, s)
	go grpcServer.Serve(listener)

	command := exec.Command(flag.Arg(0), flag.Args()[1:]...)
	command.Stderr = os.Stderr
	// It ends with this program, however this ends; the signal is bound to the thread that starts it.
	runtime.LockOSThread()
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	begin := time.Now()
	if err := command.Start(); err != nil {
		log.Fatal(err)
	}
	limit := time.After(60 * time.Second)
	for s.count() < *devices {
		select {
		case <-s.changed:
		case <-limit:
			command.Process.Kill()
			log.Fatalf("%d of %d devices after 60 s", s.count(), *devices)
		}
	}
	result := map[string]any{
		"pid": command.Process.Pid, "devices": s.count(),
		"start_ms": float64(time.Since(begin).Microseconds()) / 1000,
		"command":  strings.Join(flag.Args(), " "),
	}
	if *calls > 0 {
		s.allocate(*calls, command.Process.Pid, result)
	}
	json.NewEncoder(os.Stdout).Encode(result)
	if *hold {
		<-stop
	}
	command.Process.Signal(syscall.SIGTERM)
	command.Wait()
}
