package kubelet

import (
	"container/heap"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// The fleet simulates many nodes that start at the same time, in virtual time. The code
// that runs on a node determines the waits between tries and the renewal times. The rest
// is a model. ECR is a token bucket, and each node pulls its images concurrently and
// retries a failed pull after 10 s, 20 s, ... 5 min, like the kubelet.

var fleetPage = flag.String("fleet", "", "write the results of the fleet into this page")

const (
	fleetNodes  = 10_000
	fleetImages = 30
	ecrRate     = 20  // calls per second, account and region
	ecrBurst    = 200 // burst
	loginTTL    = 12 * time.Hour

	kubeletFirst, kubeletLongest = 10 * time.Second, 5 * time.Minute
)

// ideal is the time that ECR needs for one call per node.
const ideal = (fleetNodes - ecrBurst) * time.Second / ecrRate

// fleetResult is the result of one simulated start. Calls include throttled ones.
type fleetResult struct {
	name          string
	served        int // nodes that have all logins
	median, all   time.Duration
	calls, logins float64 // per node
}

// bucket is ECR's rate limit.
type bucket struct {
	tokens, rate, burst float64
	last                time.Duration
}

func (b *bucket) take(now time.Duration) bool {
	b.tokens = min(b.burst, b.tokens+b.rate*(now-b.last).Seconds())
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// event is an action of a node's process at a given time.
type event struct {
	at time.Duration
	do func(now time.Duration)
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// provider is the program that the kubelet runs.
type provider struct {
	limit   time.Duration // per process
	shared  bool          // the processes of a node share one login
	retries awsclient.Retries
	// scale divides the number of nodes and ECR's limit. The results are the same but
	// faster to compute.
	scale int
	// longest is the kubelet's maximum wait before it retries a pull.
	longest time.Duration
}

type fleet struct {
	provider
	nodes, images int
	rand          *rand.Rand
	ecr           bucket
	queue         events
	calls         int
	served        []time.Duration // per node
	issued        []time.Duration // per login
	failed        int             // processes that exited without a login
}

func (f *fleet) at(at time.Duration, do func(now time.Duration)) { heap.Push(&f.queue, event{at, do}) }

func (f *fleet) jitter(d time.Duration) time.Duration {
	return time.Duration(f.rand.Int64N(int64(d) + 1))
}

// start starts all nodes within a second.
func (f *fleet) start() {
	for range f.nodes {
		n := &fleetNode{fleet: f}
		for range f.images {
			f.at(f.jitter(time.Second), func(now time.Duration) { n.pull(now, kubeletFirst) })
		}
	}
	for f.queue.Len() > 0 {
		e := heap.Pop(&f.queue).(event)
		e.do(e.at)
	}
}

// fleetNode is a node. Its processes share a lock, a login, and the throttling state.
type fleetNode struct {
	*fleet
	served  bool
	pulled  int
	holder  *process
	waiting []*process
	tries   int
	next    time.Duration
}

// process is one run of the provider.
type process struct {
	end     time.Duration // end of the process
	backoff time.Duration // the kubelet's backoff after it
	gone    bool
}

// pull starts the provider for one image.
func (n *fleetNode) pull(now, backoff time.Duration) {
	p := &process{end: now + n.limit, backoff: backoff}
	switch {
	case !n.shared:
		n.alone(p, now, 1)
	case n.served:
		n.done(now)
	case n.holder == nil:
		n.hold(p, now)
	default:
		n.waiting = append(n.waiting, p)
		n.at(now+n.limit/2+n.jitter(n.limit/2), func(now time.Duration) {
			if p != n.holder && !p.gone {
				n.leave(p, now)
			}
		})
	}
}

// done counts an image whose login was returned.
func (n *fleetNode) done(now time.Duration) {
	if n.pulled++; n.pulled == n.images {
		n.fleet.served = append(n.fleet.served, now)
	}
}

// leave ends a process without a login. The kubelet retries.
func (n *fleetNode) leave(p *process, now time.Duration) {
	p.gone = true
	n.failed++
	n.at(now+p.backoff, func(now time.Duration) { n.pull(now, min(2*p.backoff, n.longest)) })
	if p != n.holder {
		return
	}
	n.holder = nil
	for len(n.waiting) > 0 && n.holder == nil {
		if q := n.waiting[0]; !q.gone {
			n.hold(q, now)
		}
		n.waiting = n.waiting[1:]
	}
}

// hold makes a process the lock holder, which tries until its end.
func (n *fleetNode) hold(p *process, now time.Duration) {
	n.holder = p
	if at := max(now, n.next); at < p.end {
		n.at(at, func(now time.Duration) { n.try(p, now) })
		return
	}
	n.at(p.end, func(now time.Duration) { n.leave(p, now) })
}

func (n *fleetNode) try(p *process, now time.Duration) {
	if !n.call(now) {
		n.tries++
		wait, _ := n.retries.WaitWithin(p.end-now, n.tries, true, n.fleet.jitter)
		n.next = now + wait
		n.hold(p, now)
		return
	}
	n.served, n.holder = true, nil
	n.done(now)
	for _, q := range n.waiting {
		if !q.gone {
			q.gone = true
			n.done(now)
		}
	}
}

// alone tries for a process that does not share state with other processes.
func (n *fleetNode) alone(p *process, now time.Duration, try int) {
	if n.call(now) {
		n.done(now)
		return
	}
	if wait, ok := n.retries.Wait(try, true, n.fleet.jitter); ok && now+wait < p.end {
		n.at(now+wait, func(now time.Duration) { n.alone(p, now, try+1) })
		return
	}
	n.leave(p, now)
}

// call makes an ECR call.
func (f *fleet) call(now time.Duration) bool {
	f.calls++
	if !f.ecr.take(now) {
		return false
	}
	f.issued = append(f.issued, now)
	return true
}

// renew returns the number of renewals per hour in the days after the start.
func (f *fleet) renew(days int, renewAt func(first bool) time.Duration) []int {
	hours := make([]int, 24*days)
	for _, at := range f.issued {
		for first := true; ; first = false {
			at += renewAt(first)
			hour := int(at / time.Hour)
			if hour >= len(hours) {
				break
			}
			hours[hour]++
		}
	}
	return hours
}

func (f *fleet) result(name string) fleetResult {
	slices.Sort(f.served)
	per := func(n int) float64 { return float64(n*f.scale) / fleetNodes }
	r := fleetResult{name: name, served: len(f.served) * f.scale, calls: per(f.calls), logins: per(len(f.issued))}
	if len(f.served) > 0 {
		r.median, r.all = f.served[len(f.served)/2], f.served[len(f.served)-1]
	}
	return r
}

func newFleet(p provider) *fleet {
	share := func(n float64) float64 { return n / float64(p.scale) }
	return &fleet{
		provider: p, nodes: fleetNodes / p.scale, images: fleetImages, rand: rand.New(rand.NewPCG(1, 2)),
		ecr: bucket{share(ecrBurst), share(ecrRate), share(ecrBurst), 0},
	}
}

// A thousand nodes start at the same time, and ECR's limit allows serving them in 20 s.
// All processes must get a login. `make herd` runs the same test with real processes.
func TestThousandNodes(t *testing.T) {
	for seed := range uint64(20) {
		f := newFleet(provider{callLimit, true, awsclient.ForNode, 1, kubeletLongest})
		f.nodes, f.images, f.ecr, f.rand = 1000, 1, bucket{200, 40, 200, 0}, rand.New(rand.NewPCG(seed, seed))
		f.start()
		slices.Sort(f.served)
		if all := f.served[len(f.served)-1]; len(f.served) != f.nodes || f.failed > 0 || all > Limit || f.calls > 3500 {
			t.Errorf("seed %d: %d nodes served in %v with %d calls, %d processes failed", seed, len(f.served), all, f.calls, f.failed)
		}
	}
}

// TestFleet checks the results for 10,000 nodes that start at the same time, and writes the
// table in docs/performance.md.
func TestFleet(t *testing.T) {
	scale := 20
	if *fleetPage != "" {
		scale = 1 // takes a minute
	}
	ours := newFleet(provider{callLimit, true, awsclient.ForNode, scale, kubeletLongest})
	ours.start()
	r := ours.result("this program")
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	hours := ours.renew(14, func(first bool) time.Duration {
		return tokencache.RenewAt(begin, begin.Add(loginTTL), first, ours.jitter).Sub(begin)
	})
	sum := 0
	for _, n := range hours[12:] {
		sum += n
	}
	peak := float64(slices.Max(hours)) * float64(len(hours)-12) / float64(sum)
	busy := newFleet(provider{callLimit, true, awsclient.ForNode, scale, kubeletFirst})
	busy.start()
	b := busy.result("the same, if the kubelet tried again every 10 s")
	t.Log(r, b, "peak hour:", peak)
	if r.served != fleetNodes || b.served != fleetNodes {
		t.Errorf("%d and %d nodes served", r.served, b.served)
	}
	if r.logins != 1 || r.calls > 14 || r.all > 16*time.Minute || peak > 2 {
		t.Errorf("%v, peak hour %.1f times the mean", r, peak)
	}
	if b.all > ideal*12/10 {
		t.Errorf("%v for a kubelet that does not wait", b.all)
	}
	if *fleetPage == "" {
		return
	}
	other := newFleet(provider{time.Minute, false, awsclient.ForUser, 200, kubeletLongest})
	other.start()
	writeFleet(t, peak, r, b, other.result("a provider without a cache, three tries for each image"))
}

func writeFleet(t *testing.T, peak float64, results ...fleetResult) {
	data, err := os.ReadFile(*fleetPage)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| provider | half of the nodes after | all nodes after | calls of a node | logins of a node |\n|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&table, "| %s | %v | %v | %.1f | %.0f |\n", r.name, r.median.Round(time.Second), r.all.Round(time.Second), r.calls, r.logins)
	}
	fmt.Fprintf(&table, "\nThe shortest possible time is %v. Renewals in the two weeks after it: the busiest hour has %.1f times the mean.\n", ideal, peak)
	const begin, end = "<!-- fleet -->\n", "<!-- /fleet -->\n"
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s has no fleet table", *fleetPage)
	}
	if err := os.WriteFile(*fleetPage, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
		t.Error(err)
	}
}
