//! Rewrites the syntax tree of a template so that its operators are Python's.
//!
//! minijinja's operators differ from Python's in what they print, compare and accept ('a' < 1 is an error in Python; 1e20 ~ ''
//! is '1e+20'), and can't be replaced. So the tree is copied, and each operator becomes a filter of ours (filters.rs) under a
//! name that no template can write: a + b becomes a|"+"(b). Text between tags also goes through a filter, so that all output
//! passes the formatter, which counts it.

use crate::methods;
use minijinja::machinery::ast::{self, CallArg, Expr, Spanned, Stmt};
use minijinja::machinery::Span;
use minijinja::{Error, ErrorKind, Value};

fn spanned<T>(node: T, span: Span) -> Spanned<T> {
    Spanned::new(node, span)
}

fn constant<'a>(value: Value, span: Span) -> Expr<'a> {
    Expr::Const(spanned(ast::Const { value }, span))
}

fn filter<'a>(name: &'a str, subject: Expr<'a>, args: Vec<Expr<'a>>, span: Span) -> Expr<'a> {
    let args = args.into_iter().map(CallArg::Pos).collect();
    Expr::Filter(spanned(ast::Filter { name, expr: Some(subject), args }, span))
}

fn exprs<'a>(items: &[Expr<'a>]) -> Vec<Expr<'a>> {
    items.iter().map(expr).collect()
}

fn optional<'a>(item: &Option<Expr<'a>>) -> Option<Expr<'a>> {
    item.as_ref().map(expr)
}

fn args<'a>(items: &[CallArg<'a>]) -> Vec<CallArg<'a>> {
    items
        .iter()
        .map(|arg| match arg {
            CallArg::Pos(e) => CallArg::Pos(expr(e)),
            CallArg::Kwarg(name, e) => CallArg::Kwarg(name, expr(e)),
            CallArg::PosSplat(e) => CallArg::PosSplat(expr(e)),
            CallArg::KwargSplat(e) => CallArg::KwargSplat(expr(e)),
        })
        .collect()
}

fn compare_name(op: ast::CompareOpKind) -> &'static str {
    match op {
        ast::CompareOpKind::Eq => "==",
        ast::CompareOpKind::Ne => "!=",
        ast::CompareOpKind::Lt => "<",
        ast::CompareOpKind::Lte => "<=",
        ast::CompareOpKind::Gt => ">",
        ast::CompareOpKind::Gte => ">=",
        ast::CompareOpKind::In => "in",
        ast::CompareOpKind::NotIn => "not in",
    }
}

fn binary<'a>(node: &ast::BinOp<'a>, span: Span) -> Expr<'a> {
    let (left, right) = (expr(&node.left), expr(&node.right));
    let name = match node.op {
        ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => {
            return Expr::BinOp(spanned(ast::BinOp { op: node.op, left, right }, span));
        }
        ast::BinOpKind::Eq => "==",
        ast::BinOpKind::Ne => "!=",
        ast::BinOpKind::Lt => "<",
        ast::BinOpKind::Lte => "<=",
        ast::BinOpKind::Gt => ">",
        ast::BinOpKind::Gte => ">=",
        ast::BinOpKind::Add => "+",
        ast::BinOpKind::Sub => "-",
        ast::BinOpKind::Mul => "*",
        ast::BinOpKind::Div => "/",
        ast::BinOpKind::FloorDiv => "//",
        ast::BinOpKind::Rem => "%",
        ast::BinOpKind::Pow => "**",
        ast::BinOpKind::Concat => "~",
        ast::BinOpKind::In => "in",
    };
    filter(name, left, vec![right], span)
}

fn call<'a>(node: &ast::Call<'a>, span: Span) -> Expr<'a> {
    match &node.expr {
        Expr::GetAttr(attr) if methods::is_any(attr.name) => {
            let mut all = vec![CallArg::Pos(constant(Value::from(attr.name), span))];
            all.extend(args(&node.args));
            Expr::Filter(spanned(ast::Filter { name: "()", expr: Some(expr(&attr.expr)), args: all }, span))
        }
        // The tree's own shape tells function, method and block calls apart: the callee stays an attribute look-up.
        Expr::GetAttr(attr) => {
            let callee = Expr::GetAttr(spanned(ast::GetAttr { expr: expr(&attr.expr), name: attr.name }, attr.span()));
            Expr::Call(spanned(ast::Call { expr: callee, args: args(&node.args) }, span))
        }
        callee => Expr::Call(spanned(ast::Call { expr: expr(callee), args: args(&node.args) }, span)),
    }
}

/// a < b < c. With operands in the middle that can be evaluated twice it is (a < b) and (b < c), which stops early as in Python;
/// else all operands are evaluated once.
fn comparisons<'a>(chain: &ast::Compare<'a>, span: Span) -> Expr<'a> {
    let simple = |e: &Expr<'a>| matches!(e, Expr::Var(_) | Expr::Const(_));
    let (last, middle) = chain.ops.split_last().map_or((None, &[][..]), |(last, rest)| (Some(last), rest));
    if last.is_none() || !middle.iter().all(|step| simple(&step.expr)) {
        let mut operands = Vec::new();
        for step in &chain.ops {
            operands.push(constant(Value::from(compare_name(step.op)), span));
            operands.push(expr(&step.expr));
        }
        return filter("<<", expr(&chain.expr), operands, span);
    }
    let mut left = &chain.expr;
    let mut whole: Option<Expr<'a>> = None;
    for step in &chain.ops {
        let pair = filter(compare_name(step.op), expr(left), vec![expr(&step.expr)], span);
        whole = Some(match whole {
            None => pair,
            Some(before) => Expr::BinOp(spanned(ast::BinOp { op: ast::BinOpKind::ScAnd, left: before, right: pair }, span)),
        });
        left = &step.expr;
    }
    whole.unwrap_or_else(|| expr(&chain.expr))
}

fn expr<'a>(node: &Expr<'a>) -> Expr<'a> {
    let span = node.span();
    match node {
        Expr::Var(var) => Expr::Var(spanned(ast::Var { id: var.id }, span)),
        Expr::Const(c) => constant(c.value.clone(), span),
        Expr::Slice(s) => {
            let bound = |e: &Option<Expr<'a>>| optional(e).unwrap_or_else(|| constant(Value::from(()), span));
            filter("[:]", expr(&s.expr), vec![bound(&s.start), bound(&s.stop), bound(&s.step)], span)
        }
        Expr::UnaryOp(op) => match op.op {
            ast::UnaryOpKind::Not => Expr::UnaryOp(spanned(ast::UnaryOp { op: ast::UnaryOpKind::Not, expr: expr(&op.expr) }, span)),
            ast::UnaryOpKind::Neg => filter("-x", expr(&op.expr), Vec::new(), span),
        },
        Expr::BinOp(op) => binary(op, span),
        Expr::Compare(chain) => comparisons(chain, span),
        Expr::IfExpr(e) => Expr::IfExpr(spanned(
            ast::IfExpr { test_expr: expr(&e.test_expr), true_expr: expr(&e.true_expr), false_expr: optional(&e.false_expr) },
            span,
        )),
        Expr::Filter(f) => Expr::Filter(spanned(ast::Filter { name: f.name, expr: optional(&f.expr), args: args(&f.args) }, span)),
        Expr::Test(t) => Expr::Test(spanned(ast::Test { name: t.name, expr: expr(&t.expr), args: args(&t.args) }, span)),
        Expr::GetAttr(a) if methods::is_any(a.name) => filter(".", expr(&a.expr), vec![constant(Value::from(a.name), span)], span),
        Expr::GetAttr(a) => Expr::GetAttr(spanned(ast::GetAttr { expr: expr(&a.expr), name: a.name }, span)),
        Expr::GetItem(i) => filter("[]", expr(&i.expr), vec![expr(&i.subscript_expr)], span),
        Expr::Call(c) => call(c, span),
        Expr::List(l) => Expr::List(spanned(ast::List { items: exprs(&l.items) }, span)),
        Expr::Tuple(t) => Expr::Tuple(spanned(ast::Tuple { items: exprs(&t.items) }, span)),
        Expr::Map(m) => Expr::Map(spanned(ast::Map { keys: exprs(&m.keys), values: exprs(&m.values) }, span)),
    }
}

/// What is assigned to: names, tuples of them, attributes of namespaces. Nothing in it is computed.
fn target<'a>(node: &Expr<'a>) -> Expr<'a> {
    let span = node.span();
    match node {
        Expr::GetAttr(a) => Expr::GetAttr(spanned(ast::GetAttr { expr: target(&a.expr), name: a.name }, span)),
        Expr::List(l) => Expr::List(spanned(ast::List { items: l.items.iter().map(target).collect() }, span)),
        Expr::Tuple(t) => Expr::Tuple(spanned(ast::Tuple { items: t.items.iter().map(target).collect() }, span)),
        other => expr(other),
    }
}

fn body<'a>(nodes: &[Stmt<'a>]) -> Result<Vec<Stmt<'a>>, Error> {
    nodes.iter().map(stmt).collect()
}

fn refuse<T>(tag: &str, span: Span) -> Result<T, Error> {
    Err(Error::new(ErrorKind::SyntaxError, format!("the tag '{tag}' is not available (line {})", span.start_line)))
}

fn for_loop<'a>(node: &ast::ForLoop<'a>) -> Result<ast::ForLoop<'a>, Error> {
    Ok(ast::ForLoop {
        target: target(&node.target),
        iter: filter("iter", expr(&node.iter), Vec::new(), node.iter.span()),
        filter_expr: optional(&node.filter_expr),
        recursive: node.recursive,
        body: body(&node.body)?,
        else_body: body(&node.else_body)?,
    })
}

fn macro_of<'a>(node: &ast::Macro<'a>) -> Result<ast::Macro<'a>, Error> {
    Ok(ast::Macro {
        name: node.name,
        args: node.args.iter().map(target).collect(),
        defaults: exprs(&node.defaults),
        body: body(&node.body)?,
    })
}

fn set<'a>(node: &ast::Set<'a>, span: Span) -> ast::Set<'a> {
    let value = expr(&node.expr);
    let hidden = matches!(&node.target, Expr::GetAttr(attr) if attr.name.starts_with('_'));
    ast::Set { target: target(&node.target), expr: if hidden { filter("set _", value, Vec::new(), span) } else { value } }
}

fn plain_call<'a>(node: &Spanned<ast::Call<'a>>) -> Spanned<ast::Call<'a>> {
    let callee = match &node.expr {
        Expr::GetAttr(a) => Expr::GetAttr(spanned(ast::GetAttr { expr: expr(&a.expr), name: a.name }, a.span())),
        other => expr(other),
    };
    spanned(ast::Call { expr: callee, args: args(&node.args) }, node.span())
}

/// The rewritten copy of a statement. Fails on tags that transformers' environment does not know.
pub fn stmt<'a>(node: &Stmt<'a>) -> Result<Stmt<'a>, Error> {
    Ok(match node {
        Stmt::Template(t) => Stmt::Template(spanned(ast::Template { children: body(&t.children)? }, t.span())),
        Stmt::EmitExpr(e) => Stmt::EmitExpr(spanned(ast::EmitExpr { expr: expr(&e.expr) }, e.span())),
        Stmt::EmitRaw(r) => {
            let text = constant(Value::from(r.raw), r.span());
            Stmt::EmitExpr(spanned(ast::EmitExpr { expr: filter("raw", text, Vec::new(), r.span()) }, r.span()))
        }
        Stmt::ForLoop(f) => Stmt::ForLoop(spanned(for_loop(f)?, f.span())),
        Stmt::IfCond(i) => Stmt::IfCond(spanned(
            ast::IfCond { expr: expr(&i.expr), true_body: body(&i.true_body)?, false_body: body(&i.false_body)? },
            i.span(),
        )),
        Stmt::WithBlock(w) => {
            let assignments = w.assignments.iter().map(|(name, value)| (target(name), expr(value))).collect();
            Stmt::WithBlock(spanned(ast::WithBlock { assignments, body: body(&w.body)? }, w.span()))
        }
        Stmt::Set(s) => Stmt::Set(spanned(set(s, s.span()), s.span())),
        Stmt::SetBlock(s) => Stmt::SetBlock(spanned(
            ast::SetBlock { target: target(&s.target), filter: optional(&s.filter), body: body(&s.body)? },
            s.span(),
        )),
        Stmt::FilterBlock(f) => {
            Stmt::FilterBlock(spanned(ast::FilterBlock { filter: expr(&f.filter), body: body(&f.body)? }, f.span()))
        }
        Stmt::Block(b) => Stmt::Block(spanned(ast::Block { name: b.name, required: b.required, body: body(&b.body)? }, b.span())),
        Stmt::Macro(m) => Stmt::Macro(spanned(macro_of(m)?, m.span())),
        Stmt::CallBlock(c) => Stmt::CallBlock(spanned(
            ast::CallBlock { call: plain_call(&c.call), macro_decl: spanned(macro_of(&c.macro_decl)?, c.macro_decl.span()) },
            c.span(),
        )),
        Stmt::Continue(c) => Stmt::Continue(spanned(ast::Continue, c.span())),
        Stmt::Break(b) => Stmt::Break(spanned(ast::Break, b.span())),
        Stmt::AutoEscape(a) => refuse("autoescape", a.span())?,
        Stmt::Do(d) => refuse("do", d.span())?,
        Stmt::Import(i) => refuse("import", i.span())?,
        Stmt::FromImport(i) => refuse("from", i.span())?,
        Stmt::Extends(e) => refuse("extends", e.span())?,
        Stmt::Include(i) => refuse("include", i.span())?,
    })
}
