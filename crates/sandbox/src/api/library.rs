//! A small public library of templates, as accounts choose theirs from.
//!
//! Numbers and wording are ours; the shapes are those of the newtmpl pages.

use indexmap::IndexMap;

use crate::model::Subscription;

/// A service category.
pub(super) struct Category {
    pub(super) id: u32,
    pub(super) name: &'static str,
}

/// A public template.
pub(super) struct Title {
    pub(super) tid: u32,
    pub(super) title: &'static str,
    pub(super) subscription: Subscription,
    pub(super) category: u32,
    pub(super) keywords: &'static [Keyword],
}

/// A keyword of a public template: name, example, key prefix. Its `kid` is its
/// place from 1.
pub(super) struct Keyword {
    pub(super) name: &'static str,
    pub(super) example: &'static str,
    pub(super) rule: &'static str,
    /// What an enumeration takes.
    pub(super) values: &'static [&'static str],
}

const fn keyword(name: &'static str, example: &'static str, rule: &'static str) -> Keyword {
    Keyword {
        name,
        example,
        rule,
        values: &[],
    }
}

/// A keyword with a list of values; the first is its example.
const fn choice(name: &'static str, values: &'static [&'static str]) -> Keyword {
    Keyword {
        name,
        example: values[0],
        rule: "enum_string",
        values,
    }
}

pub(super) static CATEGORIES: [Category; 4] = [
    Category {
        id: 2,
        name: "电商平台",
    },
    Category {
        id: 307,
        name: "快递物流",
    },
    Category {
        id: 616,
        name: "公交",
    },
    Category {
        id: 674,
        name: "设备管理",
    },
];

pub(super) static TITLES: [Title; 8] = [
    Title {
        tid: 99,
        title: "付款成功通知",
        subscription: Subscription::OneTime,
        category: 2,
        keywords: &[
            keyword("物品名称", "蓝牙耳机", "thing"),
            keyword("订单号", "SO20260101", "character_string"),
            keyword("付款金额", "￥128.50元", "amount"),
            keyword("付款时间", "2026年1月1日 15:01", "time"),
        ],
    },
    Title {
        tid: 401,
        title: "订单进度提醒",
        subscription: Subscription::OneTime,
        category: 2,
        keywords: &[
            keyword("订单编号", "SO20260101", "character_string"),
            keyword("商品名称", "蓝牙耳机等3件", "thing"),
            keyword("订单金额", "￥128.50元", "amount"),
            keyword("下单时间", "2026-01-01 08:01", "date"),
            keyword("订单状态", "配送中", "phrase"),
        ],
    },
    Title {
        tid: 856,
        title: "发货通知",
        subscription: Subscription::OneTime,
        category: 307,
        keywords: &[
            keyword("快递单号", "SF1234567890", "character_string"),
            keyword("快递公司", "顺风快运", "thing"),
            keyword("收件人", "欧阳锋", "name"),
            keyword("联系电话", "+86-0766-66888866", "phone_number"),
            keyword("发货时间", "2026-01-01 08:01", "date"),
        ],
    },
    Title {
        tid: 1124,
        title: "取件提醒",
        subscription: Subscription::OneTime,
        category: 307,
        keywords: &[
            keyword("取件码", "8-2-3007", "character_string"),
            keyword("取件地点", "东门驿站", "thing"),
            keyword("件数", "2", "number"),
        ],
    },
    Title {
        tid: 2036,
        title: "车辆到站提醒",
        subscription: Subscription::LongTerm,
        category: 616,
        keywords: &[
            keyword("线路名称", "305路", "thing"),
            keyword("车牌号", "粤A8Z888", "car_number"),
            keyword("到站时间", "15:01", "time"),
        ],
    },
    Title {
        tid: 3310,
        title: "设备故障提醒",
        subscription: Subscription::LongTerm,
        category: 674,
        keywords: &[
            keyword("设备名称", "1号水泵", "thing"),
            keyword("故障时间", "2026年1月1日 12:00:00", "time"),
            keyword("故障等级", "严重", "phrase"),
            keyword("故障代码", "E42", "character_string"),
        ],
    },
    Title {
        tid: 3317,
        title: "设备上线提醒",
        subscription: Subscription::LongTerm,
        category: 674,
        keywords: &[
            keyword("设备名称", "1号水泵", "thing"),
            choice("所在位置", &["客厅", "厨房", "卧室"]),
            keyword("上线时间", "2026年1月1日 12:00:00", "time"),
        ],
    },
    Title {
        tid: 43216,
        title: "服务预约成功通知",
        subscription: Subscription::OneTime,
        category: 2,
        keywords: &[
            keyword("预约项目", "空调清洗", "thing"),
            keyword("预约时间", "2026年1月1日 15:01", "time"),
            keyword("预约人", "欧阳锋", "name"),
        ],
    },
];

impl Title {
    pub(super) fn find(tid: &str) -> Option<&'static Self> {
        let tid: u32 = tid.parse().ok()?;
        TITLES.iter().find(|title| title.tid == tid)
    }

    /// Content and example made of the chosen keywords (places from 1); `None`
    /// where one does not exist. `colon` stands between label and value.
    pub(super) fn compose(&self, kids: &[u32], colon: &str) -> Option<(String, String)> {
        let (mut content, mut example) = (String::new(), String::new());
        for kid in kids {
            let Keyword {
                name,
                example: sample,
                rule,
                ..
            } = self.keywords.get((*kid as usize).checked_sub(1)?)?;
            content.push_str(&format!("{name}{colon}{{{{{rule}{kid}.DATA}}}}\n"));
            example.push_str(&format!("{name}{colon}{sample}\n"));
        }
        Some((content, example))
    }

    /// The values of the enumerations among the chosen keywords, by key.
    pub(super) fn enum_values(&self, kids: &[u32]) -> IndexMap<String, Vec<String>> {
        let chosen = kids.iter().filter_map(|kid| {
            let keyword = self.keywords.get((*kid as usize).checked_sub(1)?)?;
            let values: Vec<String> = keyword.values.iter().map(ToString::to_string).collect();
            (!values.is_empty()).then(|| (format!("{}{kid}", keyword.rule), values))
        });
        chosen.collect()
    }
}

/// Industries by code from 1: first class and second class.
pub(super) static INDUSTRIES: [(&str, &str); 41] = [
    ("IT科技", "互联网|电子商务"),
    ("IT科技", "IT软件与服务"),
    ("IT科技", "IT硬件与设备"),
    ("IT科技", "电子技术"),
    ("IT科技", "通信与运营商"),
    ("IT科技", "网络游戏"),
    ("金融业", "银行"),
    ("金融业", "基金|理财|信托"),
    ("金融业", "保险"),
    ("餐饮", "餐饮"),
    ("酒店旅游", "酒店"),
    ("酒店旅游", "旅游"),
    ("运输与仓储", "快递"),
    ("运输与仓储", "物流"),
    ("运输与仓储", "仓储"),
    ("教育", "培训"),
    ("教育", "院校"),
    ("政府与公共事业", "学术科研"),
    ("政府与公共事业", "交警"),
    ("政府与公共事业", "博物馆"),
    ("政府与公共事业", "公共事业|非盈利机构"),
    ("医药护理", "医药医疗"),
    ("医药护理", "护理美容"),
    ("医药护理", "保健与卫生"),
    ("交通工具", "汽车相关"),
    ("交通工具", "摩托车相关"),
    ("交通工具", "火车相关"),
    ("交通工具", "飞机相关"),
    ("房地产", "建筑"),
    ("房地产", "物业"),
    ("消费品", "消费品"),
    ("商业服务", "法律"),
    ("商业服务", "会展"),
    ("商业服务", "中介服务"),
    ("商业服务", "认证"),
    ("商业服务", "审计"),
    ("文体娱乐", "传媒"),
    ("文体娱乐", "体育"),
    ("文体娱乐", "娱乐休闲"),
    ("印刷", "印刷"),
    ("其它", "其它"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Family, KeywordType, Verdict};

    #[test]
    fn every_example_keeps_its_own_rule() {
        for title in &TITLES {
            assert!(
                CATEGORIES
                    .iter()
                    .any(|category| category.id == title.category)
            );
            for keyword in title.keywords {
                let rule = KeywordType::of(&format!("{}1", keyword.rule)).unwrap();
                let verdict = rule.judge(keyword.example, Family::Subscription, &[]);
                assert_eq!(verdict, Verdict::Fine, "{} {}", title.title, keyword.name);
            }
        }
    }

    #[test]
    fn content_lists_the_chosen_keywords_in_order() {
        let title = Title::find("99").unwrap();
        let (content, example) = title.compose(&[3, 1], ":").unwrap();
        assert_eq!(
            content,
            "付款金额:{{amount3.DATA}}\n物品名称:{{thing1.DATA}}\n"
        );
        assert_eq!(example, "付款金额:￥128.50元\n物品名称:蓝牙耳机\n");
        assert!(title.compose(&[0], ":").is_none() && title.compose(&[9], ":").is_none());
        assert!(Title::find("98").is_none() && Title::find("TM1").is_none());
    }
}
