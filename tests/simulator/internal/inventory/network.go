package inventory

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
)

// standardNetwork returns the datacenter's standard network of that name. "VM Network" is there from the start.
func (b *Builder) standardNetwork(dc *simulator.Datacenter, name string) *mo.Network {
	for _, ref := range dc.Network {
		if network, ok := b.Map.Get(ref).(*mo.Network); ok && network.Name == name {
			return network
		}
	}
	return nil
}
