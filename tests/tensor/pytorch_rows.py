"""Programs in PyTorch's words, which PyTorch and this library both run: one table drives all tests of the methods.

A row is an expression in the names of `inputs` and in ``F``, the functions at the top level, ``nn``, those of
``nn.functional``, ``sp``, those of ``special``, ``la``, those of ``linalg``, and ``fft``. What PyTorch makes of it is
recorded in ``pytorch_values.json`` by ``record_pytorch_values.py``.
"""

from __future__ import annotations

from types import CodeType
from typing import Any

import numpy as np

__all__ = ["CONSTANTS", "INPUTS", "ROWS", "cotangents", "names_in", "outputs"]

_random = np.random.default_rng(7)


def _around_zero(*shape: int) -> Any:
    x = _random.uniform(-1, 1, shape)
    return np.round(x + np.where(x < 0, -0.05, 0.05), 3)


def _between(low: float, high: float, *shape: int) -> Any:
    return np.round(_random.uniform(low, high, shape), 3)


_square = _around_zero(3, 3)

#: What is differentiated. All elements differ, none is near a kink of the rows.
INPUTS: dict[str, Any] = {
    "x": _around_zero(3, 4),
    "y": _around_zero(3, 4),
    "p": _between(0.2, 0.8, 3, 4),
    "q": _between(0.2, 0.8, 3, 4),
    "u": _between(1.2, 3.0, 3, 4),
    "v": _around_zero(5),
    "w": _around_zero(5),
    "s": _around_zero(2, 3, 4),
    "r": _around_zero(2, 4, 3),
    "m": _square + 3 * np.eye(3),
    "h": _square @ _square.T + np.eye(3),
    "k": _around_zero(4, 3),
    "row": _around_zero(4),
    "one": _around_zero(3, 1),
    "a3": _around_zero(2, 3),
    "b3": _around_zero(2, 3),
}
#: What is held fixed: indices, masks, labels.
CONSTANTS: dict[str, Any] = {
    "mask": _random.uniform(size=(3, 4)) > 0.5,
    "i": np.array([[2, 0, 1, 1], [0, 0, 2, 1]]),
    "i1": np.array([[3, 0], [1, 1], [0, 2]]),
    "once": np.array([[2, 0, 1, 0], [0, 1, 2, 1]]),
    "labels": np.array([3, 0, 2]),
    "some": np.array([3, -100, 2]),
    "pick": np.array([2, 0, 2]),
    "pair": np.array([2, 0]),
    "ties": np.array([[1, 3, 3, 0, 1, 3], [2, 2, 0, 0, 1, 5]]),
    "counts": np.array([1, 0, 2, 1, 3]),
    "edges": np.array([-0.5, 0.0, 0.25, 0.5]),
    "positive": _between(1.2, 3.0, 3, 4),
    "class_weights": np.array([0.5, 2.0, 1.0, 0.25]),
    "sides": np.array([1.0, -1.0, 1.0]),
    "signs": np.where(_random.uniform(size=(3, 4)) > 0.5, 1.0, -1.0),
}

_ELEMENTWISE = """
x.neg() x.square() u.reciprocal() p.rsqrt() p.acos() p.asin() x.atan() x.atan2(y) F.atan2(x,p) u.acosh() x.asinh()
p.atanh() x.sigmoid() x.relu() x.softmax(dim=0) x.softmax(-1) x.log_softmax(dim=1) s.log_softmax(dim=1)
x.logsumexp(dim=1) s.logsumexp(dim=(0,2),keepdim=True) F.logaddexp(x,y) x.clamp(-0.3,0.4) x.clamp(min=-0.2)
x.clamp(max=0.1) x.clamp_min(0.15) x.clamp_max(y) F.clamp(x,max=row) x.clip(-0.3,0.4) x.add(y,alpha=2) x.add(row)
x.sub(y,alpha=0.5) x.mul(one) x.div(p) u.div(p,rounding_mode='floor') x.div(p,rounding_mode='trunc') x.true_divide(u)
F.floor_divide(counts,2) x.remainder(0.3) x.fmod(0.3) u.pow(2) p.pow(x) F.pow(2,x) p.log() x.exp() x.expm1() p.log1p()
p.log2() p.log10() x.tanh() x.sin() x.cos() x.tan() x.sinh() x.cosh() x.abs() x.erf() x.lerp(y,0.3) x.lerp(y,p)
x.addcmul(y,p,value=0.5) x.addcdiv(y,u,value=2) u.frac() x.sign() x.sgn() x.floor() x.ceil() x.round() x.trunc()
x.isnan() x.isinf() x.isfinite() x.isclose(x) x.allclose(x) x.equal(y) x.eq(x) x.ne(y) x.lt(y) x.le(0.2) x.gt(row)
x.ge(y) x.logical_and(y) x.logical_or(y) x.logical_not() x.hypot(y) F.hypot(x,y) F.heaviside(edges,edges) F.xlogy(p,u)
p.logit() p.logit(eps=0.3) x.sinc() x.nan_to_num() x.maximum(y) x.minimum(row) x.max(y) F.min(x,y) F.exp(x)
F.sigmoid(x) F.sub(x,y,alpha=3) F.rsqrt(p) x.square().sqrt() x.copysign(y) x.deg2rad() x.rad2deg() x.exp2() x.fmax(y)
x.fmin(y) u.lgamma() F.lgamma(p)
"""
_REDUCTIONS = """
x.sum() x.sum(dim=0) x.sum(0,True) x.sum(dim=(0,1)) x.sum(dim=1,keepdim=True) x.mean() x.mean(dim=1) x.prod()
x.prod(dim=1) x.std(dim=0) x.std(unbiased=True) x.std(dim=1,unbiased=False) x.std(dim=1,correction=2,keepdim=True)
x.var(dim=1) x.var(correction=1) F.var(x,dim=0,correction=0) F.std_mean(x,dim=1) F.var_mean(x) x.max() x.min()
x.max(dim=1) x.min(dim=0) x.max(dim=0,keepdim=True) F.max(x,dim=1) x.amax(1) x.amin(dim=0,keepdim=True) x.amax()
s.amax((0,2)) F.aminmax(x,dim=1) x.aminmax(dim=0)
x.aminmax() x.argmax() x.argmax(dim=1) x.argmin(dim=0,keepdim=True) x.all(dim=1) x.any(dim=0)
(x>0).all() x.count_nonzero(dim=1) x.norm() x.norm(1) x.norm(2,dim=1) x.norm(3,1,True) x.norm(p=float('inf'),dim=0)
x.norm(dim=(0,1)) F.norm(x,p=1,dim=1) x.norm(-2,dim=0) s.sum_to_size(3,1) s.sum_to_size((1,1,4)) x.cumsum(dim=1)
x.cumsum(0) x.cumprod(dim=0) x.logcumsumexp(dim=1) x.logcumsumexp(0) x.diff() x.diff(dim=0) x.diff(n=2,dim=1)
x.diff(prepend=one) x.nansum(dim=1) x.nanmean(dim=0) F.trapezoid(x) F.trapezoid(x,dim=0,dx=0.5) F.trace(m) m.trace()
F.logsumexp(x,1) F.cumsum(x,dim=0) x.std(1,keepdim=True) x.var(0,keepdim=True) x.std(True) x.var(False)
x.std(1,True) x.var(0,False,True) F.std(x,(0,1),False) x.max(1,keepdim=True) x.min(0,keepdim=True) x.sum([0,1])
s.mean([1,2]) s.mean([0,2],True) s.sum([-1],keepdim=True)
"""
_ORDER = """
x.sort(dim=0) x.sort(descending=True) F.sort(x) F.sort(x,0,True) F.sort(x,dim=1,descending=True) x.argsort()
x.argsort(dim=0) x.argsort(dim=1,descending=True) x.topk(2) x.topk(2,dim=0,largest=False) x.kthvalue(2)
x.kthvalue(2,dim=0,keepdim=True) v.median() x.median() x.median(dim=1) x.median(0,True) x.quantile(0.3)
x.quantile(0.6,dim=1) x.quantile(0.25,dim=0,keepdim=True) x.quantile(0.4,dim=1,interpolation='lower')
x.nanquantile(0.3,dim=0) x.nanmedian() x.nanmedian(dim=1) x.cummax(dim=1) x.cummin(0) x.mode(dim=1) F.mode(ties,dim=1)
F.cummax(ties,dim=1) F.cummin(ties,dim=1) F.msort(x) F.sort(ties,dim=1,descending=True,stable=True)
F.sort(ties,dim=0,stable=True) F.bucketize(x,edges) F.bucketize(x,edges,right=True) F.searchsorted(edges,x)
F.searchsorted(edges,x,right=True)
"""
_SHAPES = """
x.t() v.t() s.permute(2,0,1) s.permute((1,0,2)) s.transpose(0,1) s.transpose(-1,0) x.transpose(1,0) F.transpose(x,0,1)
F.transpose(s,1,2) s.movedim(0,2) s.moveaxis((0,1),(1,2)) s.swapaxes(0,2) s.swapdims(0,1) x.view(-1) x.view(2,6)
x.view((4,3)) x.view_as(k) x.reshape_as(k) x.reshape(2,-1) one.expand(3,4) one.expand(-1,4) row.expand(2,3,-1)
one.expand_as(x) row.broadcast_to((3,4)) F.broadcast_to(row,(3,4)) s.flatten() s.flatten(1) s.flatten(0,1)
s.flatten(start_dim=1,end_dim=-1) F.flatten(s,1) x.unflatten(1,(2,2)) x.unflatten(1,(-1,2)) x.unsqueeze(0)
x.unsqueeze(-1) one.squeeze() one.squeeze(1) x.squeeze(dim=0) one.squeeze(dim=1) F.squeeze(one,dim=(0,1))
v.repeat(2,3) x.repeat(2,3) x.repeat((2,3)) row.repeat(2,1) x.repeat_interleave(2,dim=0)
v.repeat_interleave(counts,dim=0) x.repeat_interleave(2) x.tile(2) x.tile(2,3) F.tile(x,(2,1,2)) x.flip(0) s.flip(0,2)
s.flip((0,1)) F.flip(x,dims=(0,)) x.fliplr() x.flipud() x.roll(1) x.roll(1,0) x.roll(shifts=(1,-2),dims=(0,1))
x.rot90() s.rot90(1,(1,2)) x.split(2) x.split(3,dim=1) x.split((1,3),dim=1) x.chunk(2,dim=1) x.chunk(2) v.chunk(3)
x.unbind() x.unbind(dim=1) x.tensor_split(3,dim=1)
s.dsplit(2) x.hsplit(2) x.vsplit(3) s.select(1,2) x.narrow(1,1,2) v.unfold(0,3,1) x.unfold(1,2,2)
x.tril() x.triu(1) x.tril(-1) s.triu(diagonal=1) x.diag() v.diag() v.diag(1) s.diagonal()
s.diagonal(offset=1,dim1=1,dim2=2) x.diag_embed() v.diag_embed(offset=1) v.diag_embed(-1) x.diag_embed(dim1=0,dim2=2)
F.diagflat(x) F.cat((x,y)) F.cat([x,y,one],dim=1) F.stack((x,y)) F.stack([x,y],dim=-1) F.hstack((x,y))
F.vstack((x,row)) F.dstack((x,y)) F.column_stack((v,w)) F.meshgrid(v,row,indexing='ij') F.concat((x,y),dim=1)
F.atleast_2d(v) F.ravel(x) s.ravel() x.T s.mT
"""
_SELECTION = """
x.gather(0,i) x.gather(1,i1) F.gather(x,dim=1,index=i1) x.scatter(0,once,y[:2]) x.scatter(1,i1[:,:1],y[:,:1])
x.scatter(0,i,0.5) x.scatter_add(0,i,y[:2]) x.scatter_add(1,i1,y[:,:2]) F.scatter_add(x,1,i1,y[:,1:3])
x.index_select(0,pick) x.index_select(1,pick) x.index_add(0,pair,k.T[:2]) s.index_add(1,pick,s,alpha=-0.5)
x.index_copy(0,pair,y[:2]) x.index_fill(1,pick,0.5) x.masked_fill(mask,0.5) x.masked_select(mask)
row.masked_select(mask) x.masked_scatter(mask,y) x.take_along_dim(i,dim=0) x.take_along_dim(labels) x.where(mask,y)
F.where(mask,x,y) F.where(mask,x,0.0) F.take(x,pick) x[mask] F.argwhere(edges)
x.scatter_reduce(0,i,p[:2],'sum') x.scatter_reduce(0,i,p[:2],'sum',include_self=False)
x.scatter_reduce(0,i,p[:2],'prod') F.scatter_reduce(x,1,i1,q[:,:2],'prod',include_self=False)
x.scatter_reduce(0,i,p[:2],'mean') x.scatter_reduce(0,i,p[:2],reduce='mean',include_self=False)
x.scatter_reduce(0,i,p[:2],'amax') x.scatter_reduce(1,i1,-q[:,:2],'amax',include_self=False)
x.scatter_reduce(0,i,-p[:2],'amin') F.scatter_reduce(x,0,i,p[:2],'amin',include_self=False)
x.scatter_reduce(0,i,x.sign()[:2],'amax') x.index_reduce(0,pick,p,'mean') F.index_reduce(x,0,pick,p,'prod')
x.index_reduce(1,pick,p[:,:3],'amax') x.index_reduce(1,pick,p[:,:3],'amin',include_self=False)
"""
_PRODUCTS = """
x.matmul(k) x.mm(k) k.mv(a3[0]) s.bmm(r) v.dot(w) v.inner(w) v.outer(w) F.outer(v,row) m.addmm(x,k)
m.addmm(x,k,beta=0.5,alpha=2) F.addmv(w[:3],x,row) F.baddbmm(s[:,:,:3],s,r) a3.cross(b3,dim=1) F.cross(a3,b3,dim=-1)
F.kron(a3,b3) a3.kron(b3) F.cdist(x,y) F.cdist(x,y,p=1.0) x.cov() x.cov(correction=0) x.corrcoef() m.det() h.logdet()
m.slogdet() m.inverse() x.pinverse() (h+h.T).cholesky() (h+h.T).cholesky(upper=True) x.svd().S m.matrix_power(3)
F.einsum('ij,jk->ik',x,k) F.einsum('bij,bjk',s,r) F.tensordot(x,k,dims=1) F.tensordot(s,r,dims=([0,2],[0,1]))
F.vdot(v,w) x.dist(y) x.dist(y,1) F.dist(x,y,p=3) F.mm(x,k) F.bincount(counts,minlength=5) v.ger(w)
"""
_NN = """
nn.relu(x) nn.gelu(x) nn.gelu(x,approximate='tanh') nn.silu(x) nn.mish(x) nn.softplus(x)
nn.softplus(x,beta=2,threshold=0.5) nn.elu(x) nn.elu(x,alpha=0.5) nn.celu(x,0.5) nn.selu(x) nn.leaky_relu(x)
nn.leaky_relu(x,0.2) nn.tanh(x) nn.hardtanh(x) nn.hardtanh(x,-0.3,0.4) nn.relu6(x) nn.hardswish(x) nn.logsigmoid(x)
nn.softsign(x) nn.tanhshrink(x) nn.softmax(x,dim=1) nn.softmin(x,dim=0) nn.log_softmax(x,dim=0) nn.glu(x,1)
nn.prelu(x,row) nn.one_hot(labels) nn.one_hot(labels,5) nn.linear(x,y,a3[0]) nn.linear(s,x) nn.layer_norm(x,(4,))
nn.layer_norm(s,(3,4),x,y) nn.layer_norm(s,(4,),row) nn.normalize(x) nn.normalize(s,p=1.0,dim=-1)
nn.cosine_similarity(x,y) nn.cosine_similarity(x,y,dim=0) nn.embedding(labels,k) nn.mse_loss(x,y)
nn.mse_loss(x,y,reduction='sum') nn.mse_loss(x,y,reduction='none') nn.l1_loss(x,y) nn.smooth_l1_loss(x,y)
nn.smooth_l1_loss(x,y,beta=0.3) nn.huber_loss(x,y,delta=0.4) nn.cross_entropy(x,labels) nn.cross_entropy(x,some)
nn.cross_entropy(row,labels[0]) nn.cross_entropy(x,labels,reduction='none')
nn.cross_entropy(x,some,reduction='sum',weight=class_weights) nn.cross_entropy(x,some,class_weights)
nn.cross_entropy(x,labels,label_smoothing=0.1) nn.cross_entropy(x,some,class_weights,label_smoothing=0.2)
nn.cross_entropy(x,some,class_weights,reduction='none',label_smoothing=0.2) nn.cross_entropy(x,p)
nn.cross_entropy(x,p,label_smoothing=0.1) nn.cross_entropy(x,p,class_weights) nn.cross_entropy(s,i,ignore_index=1)
nn.cross_entropy(s,nn.softmax(s,dim=1)) nn.nll_loss(x,labels) nn.nll_loss(x,some,class_weights) nn.nll_loss(s,i)
nn.binary_cross_entropy(p,q) nn.binary_cross_entropy(p,q,reduction='none')
nn.binary_cross_entropy(p,q,weight=positive) nn.binary_cross_entropy_with_logits(x,q)
nn.binary_cross_entropy_with_logits(x,q,pos_weight=positive,reduction='sum')
nn.binary_cross_entropy_with_logits(x,q,weight=positive) nn.kl_div(x,p) nn.kl_div(x,p,reduction='batchmean')
nn.kl_div(x,y,log_target=True,reduction='sum')
"""
_SPECIAL = """
x.erfc() p.erfinv() F.erfinv(x*0.5) x.i0() u.polygamma(2) F.polygamma(3,p) u.mvlgamma(2) F.mvlgamma(p,1)
F.igamma(edges+1,u[0]) F.igammac(edges+1,p) sp.entr(p) sp.erfcx(x) sp.expit(x) sp.gammaln(u)
sp.gammainc(edges+1,p) sp.i0e(x) sp.i1(x) sp.i1e(x) sp.log_ndtr(x) sp.ndtr(x) sp.ndtri(p) sp.xlog1py(x,p)
sp.xlogy(p,u) sp.logit(p,eps=0.3) sp.logsumexp(x,1) sp.softmax(x,0) sp.log_softmax(x,dim=1) sp.multigammaln(u,2)
sp.polygamma(2,u) sp.sinc(x) sp.exp2(x) sp.expm1(x) sp.log1p(p) sp.round(x) sp.zeta(positive,edges+2)
sp.airy_ai(positive) sp.bessel_j0(positive) sp.bessel_j1(positive) sp.bessel_y0(positive) sp.bessel_y1(positive)
sp.modified_bessel_i0(positive) sp.modified_bessel_i1(positive) sp.modified_bessel_k0(positive)
sp.modified_bessel_k1(positive) sp.scaled_modified_bessel_k0(positive) sp.scaled_modified_bessel_k1(positive)
sp.spherical_bessel_j0(positive) sp.chebyshev_polynomial_t(positive,3) sp.chebyshev_polynomial_u(positive,2)
sp.hermite_polynomial_h(positive,3) sp.hermite_polynomial_he(positive,3) sp.laguerre_polynomial_l(positive,3)
sp.legendre_polynomial_p(positive,3) sp.shifted_chebyshev_polynomial_t(positive,2)
sp.shifted_chebyshev_polynomial_u(positive,2)
"""

_ASSEMBLED = """
F.block_diag(x,v,one) F.block_diag(m,x[0,0]) F.broadcast_tensors(one,row) F.cartesian_prod(v,row)
F.cartesian_prod(v,w,row) F.cartesian_prod(v) F.combinations(v) F.combinations(v,3) F.combinations(v,2,True)
F.combinations(row,r=1) x.select_scatter(row,0,1) s.select_scatter(a3,2,-1) x.slice_scatter(y[:2],0,1)
x.slice_scatter(y[:,:2],dim=1,step=2) x.slice_scatter(y[:,1:2],1,-2,-1) m.diagonal_scatter(a3[0])
x.diagonal_scatter(row[:3],1) s.diagonal_scatter(a3,-1,2,1) F.row_stack((x,row)) F.split_with_sizes(x,(1,3),1)
F.unique_consecutive(counts) F.unique_consecutive(ties,dim=1) F.unique_consecutive(ties,True,True)
F.trapz(x) F.cumulative_trapezoid(x) F.cumulative_trapezoid(x,dim=0,dx=0.5) F.cumulative_trapezoid(x,u.cumsum(1))
F.cumulative_trapezoid(x,edges) F.gradient(x,dim=0) F.gradient(s,dim=(1,2)) F.gradient(v,spacing=0.5,edge_order=2)
F.gradient(x,dim=1,spacing=(edges,)) x.addr(a3[0],row) x.addr(a3[0],row,beta=0.5,alpha=2) m.addbmm(s,r)
F.addbmm(m,s,r,beta=0.5,alpha=2) s.adjoint() F.adjoint(x) F.chain_matmul(x,k,a3.T) m.matrix_exp() F.matrix_exp(m*0.1)
F.cholesky_solve(m,la.cholesky(h+h.T)) m.cholesky_solve(la.cholesky(h+h.T,upper=True),upper=True)
F.cholesky_inverse(la.cholesky(h+h.T)) x.renorm(2,0,0.5) x.renorm(1,1,0.9) s.renorm(2,-1,1.1)
"""

_LAYERS = """
nn.threshold(x,0.1,9.0) nn.hardshrink(x) nn.hardshrink(x,0.2) nn.softshrink(x) nn.softshrink(x,0.2)
nn.pairwise_distance(x,y) nn.pairwise_distance(x,y,p=1.0,keepdim=True) nn.pdist(x) nn.pdist(x,3.0)
nn.margin_ranking_loss(x,y,signs) nn.margin_ranking_loss(x,y,signs,margin=0.3,reduction='none')
nn.hinge_embedding_loss(x,signs) nn.hinge_embedding_loss(x,signs,0.5,reduction='sum') nn.soft_margin_loss(x,signs)
nn.soft_margin_loss(x,signs,reduction='none') nn.cosine_embedding_loss(x,y,sides)
nn.cosine_embedding_loss(x,y,sides,margin=-0.5,reduction='none') nn.triplet_margin_loss(x,y,p)
nn.triplet_margin_loss(x,y,p,margin=2.0,p=1.0,swap=True,reduction='none') nn.multi_margin_loss(x,labels)
nn.multi_margin_loss(x,labels,p=2,margin=0.5,weight=class_weights,reduction='none')
nn.multilabel_soft_margin_loss(x,q) nn.multilabel_soft_margin_loss(x,q,weight=class_weights,reduction='none')
nn.gaussian_nll_loss(x,y,p) nn.gaussian_nll_loss(x,y,p[:,0],full=True,reduction='none')
nn.poisson_nll_loss(x,positive) nn.poisson_nll_loss(p,positive,log_input=False)
nn.poisson_nll_loss(x,positive,full=True,reduction='none')
nn.rms_norm(x,(4,)) nn.rms_norm(s,(3,4),x,eps=0.1) nn.group_norm(s.permute(0,2,1),2)
nn.group_norm(s.permute(0,2,1),2,row,class_weights,eps=0.1) nn.instance_norm(s) nn.instance_norm(s,weight=a3[0],eps=0.1)
nn.instance_norm(s,positive[0,:3],positive[1,:3],b3[1],p[1,:3],False,eps=.1)
nn.batch_norm(x,None,None,training=True) nn.batch_norm(s,None,None,a3[0],b3[0],training=True,eps=0.1)
nn.batch_norm(x,class_weights,positive[0]) nn.batch_norm(s,positive[0,:3],positive[1,:3],b3[1],p[1,:3])
nn.bilinear(x,y,s.reshape(1,3,8)[...,:4].mT@x)
nn.bilinear(a3,y[:2],s) nn.bilinear(a3,y[:2],s,a3[0,:2])
nn.scaled_dot_product_attention(x,y,k.mT) nn.scaled_dot_product_attention(s,r.mT,s,scale=0.7)
nn.scaled_dot_product_attention(s,r.mT,s,is_causal=True) nn.scaled_dot_product_attention(x,y,p,attn_mask=m)
nn.scaled_dot_product_attention(x,y,p,attn_mask=mask[:,:3]|(mask[:,:3]==0).cumsum(1).bool())
nn.pad(x,(1,2)) nn.pad(s,(1,-1,0,2,-1,0),value=3.0) nn.pad(s,(1,2),mode='reflect') nn.pad(s,(1,2),mode='replicate')
nn.pad(s,(3,1),mode='circular') nn.pad(s,(-1,-1))
nn.conv1d(s,r.mT[:,:,:2]) nn.conv1d(s[0],r.mT,padding=2,stride=2) nn.conv1d(s,r.mT[:,:,:2],a3[0,:2],dilation=2)
nn.conv1d(s,r.mT[:,:,:3],padding='same') nn.conv1d(r,r[:,:2,:2],groups=2,padding=1) nn.conv2d(s[:,None],r[:,None,:2,:2])
nn.conv2d(s,s[:,:2,None,:2],padding=(0,1)) nn.conv2d(s[None],r[:,:2,:2,None].mT,v[:2],stride=(1,2),padding='valid')
nn.conv2d(s[None],r[:,:1,:2,None].mT,groups=2) nn.conv3d(s[None],m[None,None,None,:2,:2],padding=(1,0,1))
nn.max_pool1d(s,2) nn.max_pool1d(s,3,stride=1,padding=1) nn.max_pool1d(s,2,stride=1,dilation=2) nn.max_pool2d(s,(2,3))
nn.max_pool2d(s[None],2,stride=1,padding=1) nn.max_pool3d(s[None],2) nn.avg_pool1d(s,2) nn.avg_pool1d(s,3,1,1)
nn.avg_pool2d(s,(2,3),stride=1) nn.avg_pool2d(s[None],2,1,padding=1,count_include_pad=False) nn.avg_pool3d(s[None],2)
nn.embedding_bag(i,k) nn.embedding_bag(i,k,mode='max') nn.embedding_bag(i,k,mode='sum',per_sample_weights=y[:2])
nn.embedding_bag(counts,k,pair.flip(0),mode='mean',padding_idx=1)
nn.embedding_bag(counts,k,pair.flip(0),mode='max',padding_idx=1)
nn.embedding_bag(counts,k,F.cat((pair.flip(0),pair[:1]+3)),mode='sum',include_last_offset=True)
nn.multilabel_margin_loss(x,once.T[[0,1,2]][:,[0,1,1,0]]-1) nn.multilabel_margin_loss(x[0],i[0],reduction='sum')
nn.triplet_margin_with_distance_loss(x,y,p,margin=2.,swap=True,reduction='none')
nn.ctc_loss(nn.log_softmax(s.permute(2,0,1),dim=-1),once[:,[0,2]]+0*pair+1-(once[:,[0,2]]>1)*1,pair*0+4,pair*0+2)
nn.rrelu(x) nn.rrelu(x,.1,.2)
nn.scaled_dot_product_attention(s.reshape(1,2,3,4),x[None,None],y[None,None],enable_gqa=True)
"""

_WINDOWS = """
nn.conv_transpose1d(s,r[0,:3,None]) nn.conv_transpose1d(s,s.mT[0].reshape(3,4,1).expand(3,4,2),row,2,1,1)
nn.conv_transpose1d(s[0],s.transpose(0,1),stride=3,output_padding=2,dilation=2,padding=2)
nn.conv_transpose2d(s[None],s[:,:2,:2,None],stride=(2,1),padding=(1,0),groups=2)
nn.conv_transpose2d(s[:,None],r[:1,:,:2,None],v[:4],2,1,(1,0),1,(2,1))
nn.conv_transpose3d(s[None,None],r[:1,None,:2,:2,None],stride=(2,1,2),dilation=(1,2,1))
nn.conv2d(s[None],r[:,:2,:2,None].mT,v[:2],stride=2,padding=(0,1),dilation=(1,2)) nn.unfold(s,2)
nn.unfold(s[:,None],(2,3),dilation=(2,1),padding=(1,2),stride=(1,2)) nn.unfold(s,1)
nn.fold(nn.unfold(s[None],(2,3),padding=1,stride=2),(3,4),(2,3),padding=1,stride=2)
nn.fold(k[:,:2],(2,2),(2,1),1,(0,1),2)
nn.fold(x[:,:4].reshape(1,4,3),(2,4),2) nn.max_pool1d(s,3,2,1,1,True,True) nn.max_pool1d(s,3,stride=2,ceil_mode=True)
nn.max_pool1d(s,2,stride=3,padding=1,ceil_mode=True)
nn.max_pool2d(s[None],(2,3),(1,2),(1,1),(2,1),return_indices=True) nn.max_pool2d_with_indices(s,2)
nn.max_pool3d(s[None],2,return_indices=True) nn.max_pool2d(s,2,2,1,ceil_mode=True)
nn.max_unpool1d(*nn.max_pool1d(s,2,return_indices=True),2)
nn.max_unpool1d(*nn.max_pool1d(s,3,return_indices=True),3,output_size=(4,))
nn.max_unpool2d(*nn.max_pool2d(s,2,return_indices=True),2,output_size=(3,4))
nn.max_unpool3d(*nn.max_pool3d(s[None],2,return_indices=True),2,output_size=(2,3,4)) nn.avg_pool1d(s,3,2,1,True)
nn.avg_pool1d(s,3,2,1,True,False) nn.avg_pool2d(s,2,2,0,True,False) nn.avg_pool2d(s,2,2,0,True)
nn.avg_pool2d(s,2,1,1,divisor_override=3) nn.avg_pool3d(s[None],2,2,1,True,True,5) nn.lp_pool1d(s,2,3)
nn.lp_pool1d(s,2,3,2,True) nn.lp_pool2d(s.abs(),3,(2,3)) nn.lp_pool3d(s[None],4.,(2,2,1)) nn.adaptive_avg_pool1d(s,3)
nn.adaptive_avg_pool1d(s,6) nn.adaptive_avg_pool2d(s,(2,None)) nn.adaptive_avg_pool3d(s[None],(1,2,3))
nn.adaptive_max_pool1d(s,3) nn.adaptive_max_pool1d(s,6,return_indices=True) nn.adaptive_max_pool2d(s[None],(2,3),True)
nn.adaptive_max_pool2d_with_indices(s,1) nn.adaptive_max_pool3d(s[None],(1,2,3),return_indices=True)
nn.interpolate(s,7) nn.interpolate(s,scale_factor=1.7) nn.interpolate(s,scale_factor=1.7,mode='nearest-exact')
nn.interpolate(s[None],(7,3)) nn.interpolate(s,3,mode='area')
nn.interpolate(s[None],scale_factor=(1.5,.5),mode='area') nn.interpolate(s,7,mode='linear')
nn.interpolate(s,7,mode='linear',align_corners=True) nn.interpolate(s,1,mode='linear',align_corners=True)
nn.interpolate(s,scale_factor=1.7,mode='linear')
nn.interpolate(s,scale_factor=1.7,mode='linear',recompute_scale_factor=True)
nn.interpolate(s[None],(7,3),mode='bilinear')
nn.interpolate(s[None],scale_factor=(2,.5),mode='bilinear',align_corners=True)
nn.interpolate(s[None,None],(3,2,7),mode='trilinear')
nn.interpolate(s[None,None],(3,2,7),mode='trilinear',align_corners=True) nn.interpolate(s[None],(7,3),mode='bicubic')
nn.interpolate(s[None],scale_factor=2.3,mode='bicubic')
nn.interpolate(s[None],(7,3),mode='bicubic',align_corners=True)
nn.interpolate(s[None],(2,3),mode='bilinear',antialias=True)
nn.interpolate(s[None],(2,7),mode='bicubic',antialias=True)
nn.interpolate(s[None],scale_factor=.6,mode='bilinear',antialias=True) nn.upsample(s,scale_factor=2)
nn.pixel_shuffle(r.reshape(1,4,3,2),2) nn.pixel_unshuffle(r,1) nn.pixel_unshuffle(s[...,:2,:],2)
nn.channel_shuffle(r,2) nn.local_response_norm(s,2) nn.local_response_norm(s,3,alpha=.5,beta=.6,k=2.)
nn.affine_grid(a3[None],(1,1,3,4)) nn.affine_grid(a3[None],(1,1,3,1),align_corners=True)
nn.affine_grid(x[None],(1,1,2,3,2)) nn.affine_grid(x[None],(1,1,1,3,2),align_corners=True)
nn.grid_sample(s[None],x.reshape(1,3,2,2)) nn.grid_sample(s[None],x.reshape(1,3,2,2),align_corners=True)
nn.grid_sample(s[None],1.8*x.reshape(1,3,2,2)) nn.grid_sample(s[None],1.8*x.reshape(1,3,2,2),padding_mode='border')
nn.grid_sample(s[:,None],2.9*s.reshape(2,3,2,2),padding_mode='reflection')
nn.grid_sample(s[:,None],2.9*s.reshape(2,3,2,2),padding_mode='reflection',align_corners=True)
nn.grid_sample(s[None],1.8*x.reshape(1,3,2,2),'nearest') nn.grid_sample(s[None],x.reshape(1,3,2,2),'bicubic')
nn.grid_sample(s[None],1.8*x.reshape(1,3,2,2),'bicubic','reflection',True)
nn.grid_sample(s[None,None],x.reshape(1,1,2,2,3))
nn.grid_sample(s[None,None],1.8*x.reshape(1,1,2,2,3),'nearest','border')
"""

_CELLS_AND_STRIDES = """
x.as_strided((2,2),(1,3),2) F.as_strided(s,(3,2),(1,5)) x[1:].as_strided((2,3),(2,1)) s.as_strided((),(),7)
F.rnn_tanh_cell(x,y,F.cat([p,row[None]]),F.cat([q,row[None]])) F.rnn_relu_cell(x,y,F.cat([p,row[None]]),k@x,row,row**2)
F.lstm_cell(x,(y,p),F.cat([x,y,p,q,u,row[None]]),F.cat([y,q,u,r[0].reshape(3,4),k@x]))
F.lstm_cell(x,[y,p],F.cat([x,y,p,q,k@x]),F.cat([y,q,u,x,k@y]),s.reshape(24)[:16],r.reshape(24)[3:19])
F.gru_cell(x,y,F.cat([x,y,p,q]),F.cat([u,k@x,k@y,row[None]]))
F.gru_cell(x,y,F.cat([x,y,p,q]),F.cat([u,k@x,k@y,row[None]]),s.reshape(24)[:12],r.reshape(24)[3:15])
"""

_LINALG = """
la.norm(x) la.norm(x,1,dim=1) la.norm(x,ord='nuc') la.norm(s,dim=(1,2)) la.norm(s,2,dim=(0,1),keepdim=True)
la.norm(v,float('inf')) la.vector_norm(x) la.vector_norm(x,1) la.vector_norm(x,3,dim=1,keepdim=True)
la.vector_norm(s,dim=(0,2)) la.matrix_norm(x) la.matrix_norm(s,2) la.matrix_norm(s,'nuc',keepdim=True)
la.matrix_norm(s,1,dim=(0,1)) la.cross(a3,b3) la.cross(k[:3],m,dim=0) la.vecdot(x,y) la.vecdot(x,y,dim=0) la.vander(v)
la.vander(x,N=3) la.solve_triangular(m,x,upper=True) la.solve_triangular(m,x,upper=False,unitriangular=True)
la.solve_triangular(m,a3,upper=True,left=False) la.matrix_exp(m) la.lu(m) la.det(m) la.slogdet(m) la.inv(m)
la.solve(m,x) la.cholesky(h+h.T) la.eigvalsh(h+h.T) la.svdvals(x) la.pinv(x) la.matrix_power(m,2) la.multi_dot([x,k,x])
la.tensorinv(m.reshape(3,1,3),ind=2) la.cond(m) la.diagonal(s)
la.inv_ex(m) la.solve_ex(m,x) la.solve_ex(m,v[:3])[0] la.solve_ex(m,k,left=False) la.cholesky_ex(h+h.T)
la.cholesky_ex(h+h.T,upper=True) la.cholesky_ex(-h)[1] la.lu_factor(m)[0] la.lu_solve(*la.lu_factor(m),x)
la.lu_solve(*la.lu_factor(m),k,left=False) la.lu_solve(*la.lu_factor(m),x,adjoint=True)
la.lu_solve(*la.lu_factor(m),k,left=False,adjoint=True)
fft.fft(x).abs() fft.fft(x,dim=0).abs() fft.rfft(x,3,dim=0,norm='ortho').abs() fft.irfft(x,dim=0) fft.irfft(x,n=5)
fft.hfft(x,dim=0) fft.fft2(s,dim=(0,1)).abs() fft.rfft2(x).abs() fft.irfftn(s,dim=(1,2)) fft.fftn(s).abs()
F.stft(x,3,2,return_complex=True).abs() F.stft(v,4,1,3,row[:3],normalized=True,return_complex=True).abs()
F.stft(x,4,2,window=row,center=False,onesided=False,return_complex=True).abs()
F.istft(F.stft(x,4,2,window=p[0],return_complex=True),4,2,window=q[0])
F.istft(F.stft(v,4,1,3,row[:3],normalized=True,return_complex=True),4,1,3,p[0,:3],normalized=True,length=6)
F.conv1d(s,r.mT) F.max_pool2d(s,2) F.pdist(x)
fft.fftshift(x) fft.fftshift(x,dim=1) fft.ifftshift(s,dim=(0,2)) fft.ifft(x,dim=0).abs()
"""

_FAMILIES = [
    *(_ELEMENTWISE, _REDUCTIONS, _ORDER, _SHAPES, _SELECTION, _PRODUCTS, _NN),
    *(_SPECIAL, _ASSEMBLED, _LAYERS, _WINDOWS, _CELLS_AND_STRIDES, _LINALG),
]
ROWS: list[str] = " ".join(_FAMILIES).split()


def names_in(code: CodeType) -> list[str]:
    """Return the inputs that a row mentions, which are what it is differentiated by."""
    return [name for name in INPUTS if name in code.co_names]


def outputs(result: Any) -> list[Any]:
    """Return the arrays and numbers that a row gives, as a list."""
    return [*result] if isinstance(result, tuple | list) else [result]


def cotangents(results: list[Any]) -> list[Any]:
    """Return weights for all elements of some results: the gradient of the weighted sum is what is recorded."""
    return [np.cos(np.arange(np.asarray(r).size) + i).reshape(np.asarray(r).shape) for i, r in enumerate(results)]
