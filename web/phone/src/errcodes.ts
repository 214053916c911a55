// What WeChat's numbers mean in plain words, and what to do: of those the sandbox
// gives. The gateway has the whole catalogue (GET /v1/errcodes).

import type { Lang } from '@hongyan/kit';

type Entry = [zhCause: string, zhFix: string, enCause: string, enFix: string];

const CODES: Record<number, Entry> = {
  [-1]: ['微信繁忙，这次调用是否生效未知。', '退避后重试，并用 client_msg_id 防重。', 'WeChat is busy; whether the call took effect is unknown.', 'Retry with back-off and guard with client_msg_id.'],
  40001: ['access_token 无效，或 secret 错误，或被别的程序刷新了。', '重新获取 token；让一个服务统一管理 token。', 'The access_token is not valid, the secret is wrong, or another program renewed the token.', 'Fetch a token again and let one service manage it.'],
  40002: ['grant_type 不对。', '填 client_credential。', 'grant_type is wrong.', 'Use client_credential.'],
  40003: ['openid 不属于这个账号，或写错了。', '核对 openid：每个账号下的 openid 都不同。', 'The openid is wrong or belongs to another account.', 'Check it: a person has a different openid at each account.'],
  40007: ['media_id 不存在，或已过三天有效期。', '重新上传素材。', 'The media_id is unknown or older than three days.', 'Upload the medium again.'],
  40008: ['消息类型不支持。', '检查 msgtype。', 'The message type is not supported.', 'Check msgtype.'],
  40013: ['appid 不存在。', '核对 appid；可在“账号”页查看。', 'There is no such appid.', 'Check it against the Accounts page.'],
  40014: ['access_token 不合法。', '检查是否传对了 token。', 'The access_token is malformed.', 'Check which token you pass.'],
  40029: ['code 无效。', 'code 要来自 wx.login 或网页授权，并属于这个 appid。', 'The code is not valid.', 'It must come from wx.login or the authorize page of this appid.'],
  40037: ['账号没有这个模板。', '核对 template_id；可在“账号”页查看或添加。', 'The account has no such template.', 'Check template_id; the Accounts page lists and adds templates.'],
  40039: ['url 太长或不合法。', '检查 url。', 'The url is too long or malformed.', 'Check the url.'],
  40066: ['没有这个接口路径。', '检查请求路径。', 'There is no such path.', 'Check the path of the request.'],
  40097: ['参数有误。', '对照文档检查参数。', 'A parameter is wrong.', 'Check the parameters against the documentation.'],
  40125: ['AppSecret 不对。', '核对 secret；可在“账号”页复制。', 'The AppSecret is wrong.', 'Copy it from the Accounts page.'],
  40163: ['code 已经用过。', '每个 code 只能换一次，请重新登录。', 'The code was used already.', 'Each code can be exchanged once; log in again.'],
  40164: ['来源 IP 不在白名单。', '把这个 IP 加入账号的 IP 白名单。', 'The calling address is not on the allow-list.', 'Add it to the account’s allow-list.'],
  40241: ['60 秒内重复的 client_msg_id。', '消息已经发出，不要再发。', 'The same client_msg_id within 60 seconds.', 'The message went out; do not send it again.'],
  41001: ['没有传 access_token。', '在查询串里加上 access_token。', 'No access_token was passed.', 'Put access_token into the query.'],
  41002: ['没有传 appid。', '补上 appid。', 'No appid was passed.', 'Pass the appid.'],
  41004: ['没有传 secret。', '补上 secret。', 'No secret was passed.', 'Pass the secret.'],
  41008: ['没有传 code。', '补上 code。', 'No code was passed.', 'Pass the code.'],
  41009: ['没有传 openid。', '补上 openid。', 'No openid was passed.', 'Pass the openid.'],
  41030: ['page 不是这个小程序的页面。', '检查 page 的写法，不要以 / 开头。', 'page is no page of this mini program.', 'Check it; it must not start with a slash.'],
  42001: ['access_token 过期了。', '重新获取 token。', 'The access_token has expired.', 'Fetch a new one.'],
  42003: ['code 过期了。', '五分钟内要用掉，请重新登录。', 'The code has expired.', 'Use it within five minutes; log in again.'],
  43001: ['要用 GET。', '改用 GET 请求。', 'The call wants GET.', 'Use GET.'],
  43002: ['要用 POST。', '改用 POST 请求。', 'The call wants POST.', 'Use POST.'],
  43004: ['这个人没有关注公众号。', '让对方先关注，再发送。', 'The person does not follow the account.', 'Have them follow first.'],
  43019: ['这个人在黑名单里。', '先把对方移出黑名单。', 'The person is on the blacklist.', 'Take them off it first.'],
  43101: ['这个人没有同意接收，或次数已用完，或拒绝了。', '在小程序里请求订阅，对方点“允许”后再发。', 'The person gave no consent, has none left, or refused.', 'Ask for consent in the mini program and send after they allow it.'],
  43107: ['订阅消息能力被封禁。', '在公众平台查看处罚原因。', 'Subscribe messages are banned for the account.', 'See WeChat’s console for the reason.'],
  43108: ['同一个人的消息不能并发发送。', '稍后再发给这个人。', 'Two sends to the same person ran at once.', 'Send to that person again a little later.'],
  43116: ['模板被限制使用。', '换用其他模板。', 'The template is restricted.', 'Use another one.'],
  43117: ['给这个人发得太频繁。', '放慢发送。', 'The person gets messages too often.', 'Send to them less often.'],
  44002: ['请求体是空的。', '发送 JSON 请求体。', 'The body is empty.', 'Send a JSON body.'],
  44003: ['图文消息没有内容。', '至少放一篇文章。', 'The news message is empty.', 'Put at least one article into it.'],
  44004: ['文字内容是空的。', '填写内容。', 'The text is empty.', 'Fill it in.'],
  45002: ['内容太长。', '缩短内容。', 'The content is too long.', 'Shorten it.'],
  45008: ['文章太多。', '减少图文条数。', 'There are too many articles.', 'Send fewer.'],
  45009: ['今天的调用次数用完了。', '等到北京时间零点，或在“时钟与额度”页调高上限。', 'Today’s calls are used up.', 'Wait for midnight in Beijing, or raise the limit under Time and quotas.'],
  45011: ['这一分钟调用太多。', '下一分钟再试，并放慢速度。', 'Too many calls within this minute.', 'Try in the next minute, and slow down.'],
  45015: ['客服窗口已关闭：48 小时内没有互动。', '等对方发消息或点菜单后再发。', 'The customer-service window is closed: nothing was exchanged for 48 hours.', 'Wait until the person writes or taps the menu.'],
  45026: ['模板数量到上限了。', '先删除不用的模板。', 'The account has as many templates as it may.', 'Delete some first.'],
  45047: ['这个窗口的客服消息条数用完了。', '等对方再次互动。', 'The messages of this window are used up.', 'Wait until the person acts again.'],
  45056: ['标签太多。', '先删除不用的标签。', 'There are too many tags.', 'Delete some first.'],
  45072: ['command 不对。', '填 Typing 或 CancelTyping。', 'The command is wrong.', 'Use Typing or CancelTyping.'],
  45080: ['30 秒内没有互动，不能显示“正在输入”。', '等对方发消息后再调用。', 'Nothing was exchanged in the last 30 seconds, so typing cannot be shown.', 'Call it after the person wrote.'],
  45081: ['已经在显示“正在输入”。', '不用重复调用。', 'Typing is shown already.', 'There is no need to call again.'],
  45103: ['这个接口已下线。', '改用订阅消息。', 'This call is retired.', 'Use subscribe messages.'],
  45109: ['统一服务消息已下线。', '分别用模板消息和订阅消息。', 'Uniform messages are retired.', 'Use template and subscribe messages.'],
  45168: ['内容含敏感词。', '修改内容。', 'The content has forbidden words.', 'Change it.'],
  46003: ['账号没有自定义菜单。', '先用 menu/create 创建。', 'The account has no menu.', 'Make one with menu/create.'],
  47001: ['请求体不是合法的 JSON，或字段类型不对。', '检查 JSON。', 'The body is no valid JSON or a field has the wrong type.', 'Check the JSON.'],
  47002: ['请求体里有 \\u 转义。', '直接发 UTF-8 文字。', 'The body has \\u escapes.', 'Send UTF-8 text as it is.'],
  47003: ['某个关键词的值不符合它的类型。', 'errmsg 里写着是哪个字段；对照字段类型（如 thing 最多 20 字）修改。', 'A keyword’s value does not fit its type.', 'errmsg names the field; fit the value to its type (thing: up to 20 characters, and so on).'],
  48001: ['账号没有这个接口的权限。', '确认账号类型：公众号与小程序的接口不同。', 'The account may not use this call.', 'Check the kind of account: official accounts and mini programs have different calls.'],
  48002: ['这个人拒收消息。', '不要再发给对方。', 'The person refuses messages.', 'Stop sending to them.'],
  48006: ['本月清零次数用完了。', '等到下个月。', 'This month’s resets are used up.', 'Wait for the next month.'],
  50002: ['用户受限。', '无法发送给这个用户。', 'The user is restricted.', 'Nothing can be sent to them.'],
  50007: ['账号被冻结。', '在公众平台查看原因。', 'The account is frozen.', 'See WeChat’s console.'],
  76021: ['没有这个 cgi_path。', '检查路径，要以 / 开头。', 'There is no such cgi_path.', 'Check it; it starts with a slash.'],
  89503: ['这个 IP 正等待管理员确认。', '请管理员确认。', 'This address waits for the administrator.', 'Have it confirmed.'],
};

export const KNOWN_CODES = Object.keys(CODES).map(Number);

/** Cause and remedy, `null` for a number nobody explained here. */
export function diagnose(errcode: number, lang: Lang): { cause: string; fix: string } | null {
  const entry = CODES[errcode];
  if (!entry) return null;
  return lang === 'zh' ? { cause: entry[0], fix: entry[1] } : { cause: entry[2], fix: entry[3] };
}
