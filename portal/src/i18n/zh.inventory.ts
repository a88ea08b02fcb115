import type { Translation } from './types';

export const inventory: Translation['inventory'] = {
  title: '资源清单',
  noneSeen: '没有您可以查看的平台',
  by: '排列方式',
  views: { hosts: '主机', folders: '文件夹', networks: '网络', datastores: '数据存储' },
  tree: '资源清单（按{{view}}）',
  chosen: '所选对象',
  nothingChosen: '尚未选择',
  nothingChosenHint: '在树中选择一项即可在此查看，内容随变化更新。',
  goneTitle: '已移除',
  empty: '无内容',
  vms_one: '{{shown}} 台虚拟机',
  vms_other: '{{shown}} 台虚拟机',
};

export const topology: Translation['topology'] = {
  relationsHint: '它运行、存储和连接在何处。选择一项即可前往。',
  diagram: '{{name}} 的关系图',
  noSnapshots: '没有快照',
  noSnapshotsHint: '在平台上创建的快照会自动显示在这里。',
  youAreHere: '虚拟机当前位置',
  withMemory: '含内存',
  quiesced: '已静默',
  more_one: '另有 {{count, number}} 个',
  more_other: '另有 {{count, number}} 个',
};

export const changes: Translation['changes'] = {
  lead: '变更记录，最新的在前，保留 30 天，最多 200 条。已用空间和平台自身的详情不计入。',
  when: '时间',
  what: '变更内容',
  created: '首次发现',
  deleted: '已从平台移除',
  unknown: '已变更，具体内容未知',
  omitted: '已变更，内容过长，未保留',
  came: '新增',
  went: '移除',
  to: '变为',
  older: '显示更早的记录',
};
