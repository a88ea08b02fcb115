import type { Translation } from './types';

export const account: Translation['account'] = {
  title: '我的账户',
  lead: '当前用户：{{username}}（{{role}}）。',
  sessionEnds: '此会话将于 {{time}} 结束。',
  roles: { platform_admin: '平台管理员' },
  password: {
    title: '密码',
    lead: '更改密码后，您的其他会话都会结束。',
    current: '当前密码',
    new: '新密码',
    newHint: '至少 12 个字符，且不包含用户名。',
    again: '再次输入新密码',
    mismatch: '两次输入不一致。',
    act: '更改密码',
    done: '密码已更改',
  },
  tokens: {
    title: '令牌',
    lead: '供程序和命令行使用。令牌的权限与您相同，且只显示一次。',
    add: '创建令牌',
    name: '名称',
    nameHint: '用途，例如“备份任务”。',
    days: '有效期（天）',
    daysHint: '1 到 3650。',
    created: '创建时间',
    expires: '到期时间',
    never: '永不',
    lastUsed: '上次使用',
    unused: '尚未使用',
    empty: '您还没有令牌。',
    shownTitle: '您的新令牌',
    shownHint: '请立即复制，之后不会再显示。',
    shownUse: '程序通过请求头“Authorization: Bearer …”发送令牌。',
    close: '我已复制',
    revoke: '吊销',
    revokeOne: '吊销“{{name}}”',
    revokeTitle: '要吊销“{{name}}”吗？',
    revokeWhat: '使用此令牌的程序会立即被拒绝。此操作无法撤销。',
    revoked: '“{{name}}”已吊销',
  },
  preferences: { title: '语言和主题', lead: '保存在此浏览器中。' },
};

export const about: Translation['about'] = {
  title: '关于 Spandrel',
  lead: '将 VMware 与 KVM 汇聚为一朵云的开放网关。',
  version: '版本',
  license: '许可证',
  licenseText: 'Apache 许可证 2.0',
  api: '接口',
  packages: '门户使用的软件包',
  packagesLead_one: '本门户包含 {{count, number}} 个开源软件包。',
  packagesLead_other: '本门户包含 {{count, number}} 个开源软件包。',
  crates: '网关所用的 crate',
  cratesLead_one: '网关中链接了 {{count, number}} 个开源 crate。',
  cratesLead_other: '网关中链接了 {{count, number}} 个开源 crate，按许可证列出。',
  texts: '许可证全文',
};

export const views: Translation['views'] = {
  menu: '视图',
  standard: '默认视图',
  save: '保存此视图…',
  saveTitle: '保存此视图',
  saveLead: '将搜索、筛选、排序和列以此名称保存在浏览器中。',
  name: '名称',
  replaces: '已有同名视图，将被替换。',
  saved: '视图“{{name}}”已保存',
  copyLink: '复制此视图的链接',
  linkCopied: '链接已复制',
  manage: '管理视图…',
  manageTitle: '已保存的视图',
  delete: '删除视图“{{name}}”',
  none: '还没有保存的视图。',
};

export const commands: Translation['commands'] = {
  addProvider: '添加平台',
  resync: '重新读取“{{name}}”',
  theme: '主题：{{theme}}',
  language: '语言：{{language}}',
};

export const alerts: Translation['alerts'] = {
  danger: '错误：',
  warning: '警告：',
  info: '提示：',
  success: '成功：',
  errorStatus: '错误',
  warningStatus: '警告',
};
