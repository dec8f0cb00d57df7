/* SPDX-License-Identifier: GPL-2.0-only */
/* What the command sqlite of the file work does. */
create table word (id integer primary key, text text, n integer);
with recursive count (x) as (select 1 union all select x + 1 from count where x < 2000)
	insert into word select x, 'word' || (x * 7919 % 2000), x % 97 from count;
create index by_text on word (text);
select count(*), sum(n) from word where text > 'word3';
update word set n = n + 1 where id % 3 = 0;
delete from word where text like '%9';
