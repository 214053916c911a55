export const words = {
  en: {
    title: 'Error codes',
    hint: 'WeChat’s codes in plain words: what each means and what to do.',
    search: 'A code, or words such as “quota”',
    none: 'No code has these words',
    none_hint: 'Search for the number, for WeChat’s own words, or in another language.',
  },
  zh: {
    title: '错误码',
    hint: '用大白话解释微信的错误码：是什么意思、该怎么办。',
    search: '输入错误码或文字，例如“额度”',
    none: '没有符合的错误码',
    none_hint: '可以搜索数字、微信的原文，或换一种语言。',
  },
};
