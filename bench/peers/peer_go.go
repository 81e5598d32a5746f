// Go: os/exec. Goroutines are its event loop: Wait() parks one, not the program.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	batchSize   = 512
	captureSize = 65536
	warmUpRuns  = 3
)

var (
	child       string
	count       int
	inflight    int
	residentMib int
	openFds     int
	live        int
	bulkBytes   int64
	samples     []float64
)

var workloads = []struct {
	name string
	run  func()
}{
	{"sequential", sequential}, {"inflight", inFlight}, {"hold", hold}, {"capture", capture},
	{"bulk", bulk}, {"live", killOne}, {"live_spawn", spawnAmongLive},
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "Go:", err)
		os.Exit(1)
	}
}

// What is unset is /dev/null.
func command(args ...string) *exec.Cmd {
	return exec.Command(args[0], args[1:]...)
}

func start(args ...string) *exec.Cmd {
	cmd := command(args...)
	check(cmd.Start())
	return cmd
}

func microseconds(since time.Time) float64 {
	return float64(time.Since(since).Nanoseconds()) / 1e3
}

func measure(action func() float64) {
	for i := 0; i < warmUpRuns; i++ {
		action()
	}
	for i := 0; i < count; i++ {
		samples = append(samples, action())
	}
}

func sequential() {
	measure(func() float64 {
		begin := time.Now()
		check(start(child).Wait())
		return microseconds(begin)
	})
}

func inFlight() {
	batch := count
	if batch > batchSize {
		batch = batchSize
	}
	for i := 0; i < count/batch; i++ {
		left := int64(batch)
		begin := time.Now()
		var workers sync.WaitGroup
		for k := 0; k < inflight; k++ {
			workers.Add(1)
			go func() {
				defer workers.Done()
				for atomic.AddInt64(&left, -1) >= 0 {
					check(start(child).Wait())
				}
			}()
		}
		workers.Wait()
		samples = append(samples, microseconds(begin)/float64(batch))
	}
}

func hold() {
	measure(func() float64 {
		begin := time.Now()
		cmd := start(child)
		elapsed := microseconds(begin)
		check(cmd.Wait())
		return elapsed
	})
}

func capture() {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	check(err)
	measure(func() float64 {
		begin := time.Now()
		cmd := command(child, "write", fmt.Sprint(captureSize))
		cmd.Stderr = null // Unset, Output() would collect it.
		output, err := cmd.Output()
		elapsed := microseconds(begin)
		check(err)
		if len(output) != captureSize {
			check(fmt.Errorf("output was lost"))
		}
		return elapsed
	})
}

func bulk() {
	for i := 0; i < count; i++ {
		begin := time.Now()
		cmd := command("/usr/bin/head", "-c", fmt.Sprint(bulkBytes), "/dev/zero")
		pipe, err := cmd.StdoutPipe()
		check(err)
		check(cmd.Start())
		size, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, pipe, make([]byte, 65536))
		check(err)
		check(cmd.Wait())
		if size != bulkBytes {
			check(fmt.Errorf("output was lost"))
		}
		samples = append(samples, float64(size)/time.Since(begin).Seconds()/(1<<30))
	}
}

// Each child of the crowd is waited for, as a server would; each Wait() takes a
// thread, and more than 10,000 are not allowed by default.
func withCrowd(action func()) {
	debug.SetMaxThreads(live + 10000)
	var crowd []*os.Process
	for i := 0; i < live; i++ {
		cmd := start(child, "pause")
		crowd = append(crowd, cmd.Process)
		go cmd.Wait()
	}
	action()
	for _, member := range crowd {
		member.Kill()
	}
}

func killOne() {
	withCrowd(func() {
		measure(func() float64 {
			cmd := start(child, "pause")
			time.Sleep(time.Millisecond) // It shall sleep, not start, when the signal comes.
			begin := time.Now()
			check(cmd.Process.Kill())
			cmd.Wait()
			return microseconds(begin)
		})
	})
}

func spawnAmongLive() { withCrowd(sequential) }

func occupy() {
	if residentMib > 0 {
		memory, err := syscall.Mmap(-1, 0, residentMib<<20, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_PRIVATE|syscall.MAP_ANON)
		check(err)
		for i := 0; i < len(memory); i += 4096 {
			memory[i] = 1
		}
	}
	for i := 0; i < openFds; i++ {
		_, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		check(err)
	}
}

func main() {
	workload := ""
	if len(os.Args) > 1 {
		workload = os.Args[1]
	}
	if workload == "--list" {
		for _, known := range workloads {
			fmt.Println(known.name)
		}
		return
	}
	flags := flag.NewFlagSet("peer_go", flag.ContinueOnError)
	flags.StringVar(&child, "child", "", "")
	flags.IntVar(&count, "count", 100, "")
	flags.IntVar(&inflight, "inflight", 64, "")
	flags.IntVar(&residentMib, "resident-mib", 0, "")
	flags.IntVar(&openFds, "open-fds", 0, "")
	flags.IntVar(&live, "live", 100, "")
	flags.Int64Var(&bulkBytes, "bytes", 1<<30, "")
	for _, known := range workloads {
		if known.name != workload || flags.Parse(os.Args[2:]) != nil {
			continue
		}
		occupy()
		known.run()
		unit := "us"
		if workload == "bulk" {
			unit = "GiB/s"
		}
		check(json.NewEncoder(os.Stdout).Encode(map[string]any{
			"library": "Go", "version": strings.TrimPrefix(runtime.Version(), "go"),
			"workload": workload, "unit": unit, "samples": samples}))
		return
	}
	fmt.Fprintln(os.Stderr, "Go: unknown workload or option")
	os.Exit(2)
}
