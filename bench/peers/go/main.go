// Peer: Go.  usage: go WORK
package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func setting(name string, usual float64) float64 {
	if x, err := strconv.ParseFloat(os.Getenv(name), 64); err == nil {
		return x
	}
	return usual
}

func since(t time.Time) float64 { return time.Since(t).Seconds() }

func report(work, variant string, v []float64, unit string) {
	sort.Float64s(v)
	fmt.Printf("{\"peer\":\"go\",\"work\":%q,\"variant\":%q,\"value\":%.6g,\"unit\":%q,\"min\":%.6g,\"max\":%.6g}\n",
		work, variant, v[len(v)/2], unit, v[0], v[len(v)-1])
}

// fn(n) performs n operations and returns the seconds they took.
func rate(work, variant string, fn func(int) float64, first int, unit string) {
	seconds := setting("BENCH_SECONDS", 0.4)
	n := first
	t := fn(n)
	for t < seconds/5 {
		f := 10.0
		if t > 0.001 {
			f = seconds / 3 / t
		}
		if m := int(float64(n) * f); m > n*2 {
			n = m
		} else {
			n *= 2
		}
		t = fn(n)
	}
	if n = int(float64(n) * seconds / t); n < first {
		n = first
	}
	v := make([]float64, int(setting("BENCH_REPS", 3)))
	for i := range v {
		v[i] = float64(n) / fn(n)
	}
	report(work, variant, v, unit)
}

func together(k int, f func()) {
	var wg sync.WaitGroup
	wg.Add(k)
	for i := 0; i < k; i++ {
		go func() { f(); wg.Done() }()
	}
	wg.Wait()
}

func taskSwitch(n int) float64 {
	t := time.Now()
	together(2, func() {
		for i := 0; i < n/2; i++ {
			runtime.Gosched()
		}
	})
	return since(t)
}

func taskSpawn(n int) float64 {
	t := time.Now()
	for ; n > 0; n -= 100000 {
		k := n
		if k > 100000 {
			k = 100000
		}
		together(k, func() {})
	}
	return since(t)
}

func rss() float64 {
	b, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.ParseFloat(strings.Fields(string(b))[1], 64)
	return pages * float64(os.Getpagesize())
}

func taskMemory(w string) {
	const n = 100000
	before := rss()
	for i := 0; i < n; i++ {
		go func() { time.Sleep(time.Hour) }()
	}
	time.Sleep(500 * time.Millisecond)
	report(w, "time.Sleep", []float64{(rss() - before) / n}, "bytes")
}

type item struct {
	id   int
	name string
	size float64
	tags []string
}

func makeItem(i int) *item {
	return &item{i, "job-" + strconv.Itoa(i), 0.5, []string{"a", "b", "c"}}
}

func number(i int) int { return i }

// k producers and k consumers on one channel.
func queue[T any](k, capacity int, make_ func(int) T) func(int) float64 {
	return func(n int) float64 {
		c := make(chan T, capacity)
		t := time.Now()
		go func() {
			together(k, func() {
				for i := 0; i < n/k; i++ {
					c <- make_(i)
				}
			})
			close(c)
		}()
		together(k, func() {
			for range c {
			}
		})
		return since(t)
	}
}

// Each side is locked to an OS thread of its own, else both run on one.
func pingpong(n int) float64 {
	a, b := make(chan int, 1), make(chan int, 1)
	go func() {
		runtime.LockOSThread()
		for i := 0; i < n; i++ {
			b <- <-a
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t := time.Now()
	for i := 0; i < n; i++ {
		a <- i
		<-b
	}
	return since(t)
}

func lock(n int) float64 {
	var m sync.Mutex
	t := time.Now()
	for i := 0; i < n; i++ {
		m.Lock()
		m.Unlock() //nolint:staticcheck // the pair is what is measured
	}
	return since(t)
}

// Four goroutines that add to one counter.
func contended(n int) float64 {
	var m sync.Mutex
	counter := 0
	t := time.Now()
	together(4, func() {
		for i := 0; i < n/4; i++ {
			m.Lock()
			counter++
			m.Unlock()
		}
	})
	return since(t)
}

// One that selects over 16 channels which four producers fill in turn.
func selects(n int) float64 {
	var c [16]chan int
	for i := range c {
		c[i] = make(chan int, 128)
	}
	t := time.Now()
	for p := 0; p < 4; p++ {
		go func(own []chan int) {
			for i := 0; i < n/4; i++ {
				own[i%4] <- i
			}
		}(c[p*4 : p*4+4])
	}
	for i := 0; i < n/4*4; i++ {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		case <-c[8]:
		case <-c[9]:
		case <-c[10]:
		case <-c[11]:
		case <-c[12]:
		case <-c[13]:
		case <-c[14]:
		case <-c[15]:
		}
	}
	return since(t)
}

// 100,000 sleeps of 0 to 500 ms: how late the last one ends, and the CPU seconds.
func sleepAll() (float64, float64) {
	const count, longest = 100000, 500 * time.Millisecond
	cpu := func() float64 {
		var u syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	lengths := make([]time.Duration, count)
	for i := range lengths {
		lengths[i] = time.Duration(rand.Int63n(int64(longest)))
	}
	lengths[count-1] = longest
	t, before := time.Now(), cpu()
	var all sync.WaitGroup
	all.Add(count)
	for _, d := range lengths {
		go func(d time.Duration) {
			time.Sleep(d)
			all.Done()
		}(d)
	}
	all.Wait()
	return since(t) - longest.Seconds(), cpu() - before
}

func timers(w string, unit string, figure func() float64) {
	var v []float64
	for i := 0; i < int(setting("BENCH_REPS", 3)); i++ {
		v = append(v, figure()*1000)
	}
	report(w, "time.Sleep", v, unit)
}

func main() {
	w := os.Args[1]
	runtime.GOMAXPROCS(2)
	if strings.HasPrefix(w, "task_") || w == "queue_task" {
		runtime.GOMAXPROCS(1)
	}
	switch w {
	case "task_switch":
		rate(w, "Gosched", taskSwitch, 10000, "switches/s")
	case "task_spawn":
		rate(w, "goroutine", taskSpawn, 100000, "starts/s")
	case "task_memory":
		taskMemory(w)
	case "queue_task":
		rate(w, "chan", queue(1, 100, number), 10000, "items/s")
	case "queue_isolate_1x1":
		rate(w, "chan", queue(1, 1024, number), 10000, "items/s")
	case "queue_isolate_4x4":
		rate(w, "chan", queue(4, 1024, number), 10000, "items/s")
	case "queue_isolate_table":
		rate(w, "chan of *struct", queue(1, 1024, makeItem), 10000, "items/s")
	case "pingpong_isolate":
		rate(w, "chan, LockOSThread", pingpong, 1000, "round trips/s")
	case "lock_uncontended":
		rate(w, "sync.Mutex", lock, 10000, "pairs/s")
	case "lock_contended":
		rate(w, "sync.Mutex", contended, 10000, "additions/s")
	case "timers":
		timers(w, "ms late", func() float64 { late, _ := sleepAll(); return late })
	case "timers_cpu":
		timers(w, "ms of CPU", func() float64 { _, cpu := sleepAll(); return cpu })
	case "select":
		rate(w, "select", selects, 10000, "items/s")
	default:
		os.Exit(3)
	}
}
