package control

import (
	"fmt"
	"net/http"
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// faultsAdd makes a method answer with a fault.
func (c *Control) faultsAdd(in *http.Request) (any, error) {
	req := struct {
		Method      string  `json:"method"` // PowerOnVM_Task; empty: all
		Type        string  `json:"type"`   // VirtualMachine; empty: all
		Name        string  `json:"name"`   // of the object; empty: all
		Probability float64 `json:"probability"`
		Count       int     `json:"count"` // 0: without end
		Skip        int     `json:"skip"`
		DelayMS     int     `json:"delay_ms"`
		Fault       string  `json:"fault"` // NoPermission, NotAuthenticated, any fault of vim25
		Message     string  `json:"message"`
	}{Probability: 1, Fault: "SystemError"}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	fault, err := newFault(req.Fault)
	if err != nil {
		return nil, err
	}
	c.Service.AddFaultRule(&simulator.FaultInjectionRule{
		MethodName: orAll(req.Method), ObjectType: orAll(req.Type), ObjectName: orAll(req.Name),
		Probability: req.Probability, MaxCount: req.Count, SkipCount: req.Skip, Delay: req.DelayMS,
		FaultType: simulator.FaultTypeCustom, Fault: fault, Message: req.Message, Enabled: true,
	})
	return done, nil
}

// orAll is the pattern for a field that was left out.
func orAll(text string) string {
	if text == "" {
		return "*"
	}
	return text
}

// newFault makes an empty fault of the named type.
func newFault(name string) (types.BaseMethodFault, error) {
	kind, ok := types.TypeFunc()(name)
	if !ok {
		return nil, fmt.Errorf("unknown fault %q", name)
	}
	fault, ok := reflect.New(kind).Interface().(types.BaseMethodFault)
	if !ok {
		return nil, fmt.Errorf("%s is not a fault", name)
	}
	return fault, nil
}
