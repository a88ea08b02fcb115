import type { ComponentType } from 'react';
import CameraIcon from '@patternfly/react-icons/dist/esm/icons/camera-icon';
import ClusterIcon from '@patternfly/react-icons/dist/esm/icons/cluster-icon';
import DatabaseIcon from '@patternfly/react-icons/dist/esm/icons/database-icon';
import EthernetIcon from '@patternfly/react-icons/dist/esm/icons/ethernet-icon';
import FolderIcon from '@patternfly/react-icons/dist/esm/icons/folder-icon';
import GlobeIcon from '@patternfly/react-icons/dist/esm/icons/globe-icon';
import HddIcon from '@patternfly/react-icons/dist/esm/icons/hdd-icon';
import ImageIcon from '@patternfly/react-icons/dist/esm/icons/clone-icon';
import LibraryIcon from '@patternfly/react-icons/dist/esm/icons/book-icon';
import NetworkIcon from '@patternfly/react-icons/dist/esm/icons/network-icon';
import PolicyIcon from '@patternfly/react-icons/dist/esm/icons/shield-alt-icon';
import PoolIcon from '@patternfly/react-icons/dist/esm/icons/resource-pool-icon';
import ServerIcon from '@patternfly/react-icons/dist/esm/icons/server-icon';
import TagIcon from '@patternfly/react-icons/dist/esm/icons/tag-icon';
import VirtualMachineIcon from '@patternfly/react-icons/dist/esm/icons/virtual-machine-icon';
import type { Kind } from '@/api/gen/fields';

export const kindIcons: Readonly<Record<Kind, ComponentType>> = {
  zone: GlobeIcon,
  cluster: ClusterIcon,
  host: ServerIcon,
  resource_pool: PoolIcon,
  folder: FolderIcon,
  datastore: DatabaseIcon,
  network: NetworkIcon,
  image: ImageIcon,
  vm: VirtualMachineIcon,
  volume: HddIcon,
  nic: EthernetIcon,
  snapshot: CameraIcon,
  tag: TagIcon,
  storage_policy: PolicyIcon,
  content_library: LibraryIcon,
};
