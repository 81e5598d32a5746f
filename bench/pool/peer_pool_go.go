// Go: os/exec, and a channel of workers.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

const window = 5 * time.Millisecond

type worker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

type pool struct {
	program string
	idle    chan *worker
}

var question = strings.Repeat("x", 31)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "Go:", err)
		os.Exit(1)
	}
}

func (p *pool) start() *worker {
	cmd := exec.Command(p.program)
	in, err := cmd.StdinPipe()
	check(err)
	out, err := cmd.StdoutPipe()
	check(err)
	check(cmd.Start())
	return &worker{cmd, in, bufio.NewReader(out)}
}

// With an error the worker has ended, and another is in its place.
func (p *pool) request(line string) (string, *worker, error) {
	w := <-p.idle
	_, err := io.WriteString(w.in, line+"\n")
	answer := ""
	if err == nil {
		answer, err = w.out.ReadString('\n')
	}
	if err != nil {
		w.cmd.Wait()
		w = p.start()
	}
	p.idle <- w
	return strings.TrimSuffix(answer, "\n"), w, err
}

type recorder struct {
	sync.Mutex
	begin, warm, end time.Time
	samples          []float64
	windows          []int // How many answers came in each, from the beginning.
}

func newRecorder(milliseconds float64) *recorder {
	begin := time.Now()
	whole := time.Duration(milliseconds * 1e6)
	return &recorder{begin: begin, warm: begin.Add(whole / 10), end: begin.Add(whole)}
}

func (r *recorder) add(asked time.Time) time.Time {
	now := time.Now()
	r.Lock()
	defer r.Unlock()
	if now.After(r.warm) {
		index := int(now.Sub(r.begin) / window)
		for len(r.windows) <= index {
			r.windows = append(r.windows, 0)
		}
		r.windows[index]++
		r.samples = append(r.samples, float64(now.Sub(asked).Nanoseconds())/1e3)
	}
	return now
}

// Not before there are some samples, however long each takes.
func (r *recorder) isOver() bool {
	r.Lock()
	defer r.Unlock()
	return time.Now().After(r.end) && len(r.samples) > 2
}

func client(p *pool, measured *recorder) {
	for asked := time.Now(); !measured.isOver(); asked = measured.add(asked) {
		answer, _, err := p.request(question)
		check(err)
		if answer != question {
			check(fmt.Errorf("another answer"))
		}
	}
}

func restart(p *pool, measured *recorder) {
	_, last, err := p.request(question)
	check(err)
	for !measured.isOver() {
		killed := time.Now()
		check(last.cmd.Process.Kill())
		for {
			if _, last, err = p.request(question); err == nil {
				break
			}
		}
		measured.add(killed)
	}
}

func main() {
	if len(os.Args) < 2 || os.Args[1] != "request" && os.Args[1] != "restart" {
		os.Exit(2)
	}
	flags := flag.NewFlagSet("Go", flag.ExitOnError)
	program := flags.String("child", "", "")
	workers := flags.Int("workers", 1, "")
	milliseconds := flags.Float64("milliseconds", 200, "")
	check(flags.Parse(os.Args[2:]))

	p := &pool{*program, make(chan *worker, *workers)}
	for i := 0; i < *workers; i++ {
		p.idle <- p.start()
	}
	measured := newRecorder(*milliseconds)
	if os.Args[1] == "restart" {
		restart(p, measured)
	} else {
		var all sync.WaitGroup
		for i := 0; i < *workers; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				client(p, measured)
			}()
		}
		all.Wait()
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"library": "Go os/exec", "version": strings.TrimPrefix(runtime.Version(), "go"),
		"workload": os.Args[1], "unit": "us",
		"windows": measured.windows, "samples": measured.samples,
	}))
}
