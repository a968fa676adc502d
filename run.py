import subprocess, sys, pathlib
M=[("minicnn/ode/adjoint.py","return f, -by_y, *[-d for d in by_params]","return f, -by_y, *[d for d in by_params]"),
("minicnn/ode/adjoint.py","            a = a + g[i - 1]","            a = a + 0 * g[i - 1]"),
("minicnn/ode/adjoint.py","by_time[0] = -(a *","by_time[0] = (a *"),
("minicnn/ode/adaptive.py","tableau.order, rejected or not accepted)","tableau.order, False)"),
("minicnn/ode/adaptive.py","return y_next if theta >= 1 else","return y_next if theta >= 0.5 else"),
("minicnn/ode/reversible.py","gv = h / 2 * gy - gv","gv = h / 2 * gy"),
("minicnn/ode/solve.py","length / step_size - 1e-9","length / step_size"),
("minicnn/models/normalizing_flow.py","return standard_normal(z[1]) - change[1]","return standard_normal(z[1]) + change[1]"),
("minicnn/models/normalizing_flow.py","F.softplus(inner) - 1 - inner","F.softplus(inner) - inner"),
("minicnn/models/neural_ode.py","exp(log_var) - 1 - log_var","exp(log_var) - log_var"),
("minicnn/ode/step.py","y = y + (h * weight).to(y.dtype) * k","y = y + (abs(h) * weight).to(y.dtype) * k"),
]
for p,a,b in M:
    f=pathlib.Path(p); s=f.read_text(); assert a in s,(p,a); f.write_text(s.replace(a,b))
    r=subprocess.run(["nice","/work/main/.venv/bin/python","-m","pytest","-x","-q","-n","0","-p","no:cacheprovider","tests/ode","tests/notes/test_ch26_neural_ode.py","tests/models/test_neural_ode.py"],capture_output=True,text=True,env={**__import__("os").environ,"PYTHONPATH":"/tmp/mut"})
    f.write_text(s)
    print("KILLED" if r.returncode==1 else f"rc {r.returncode} SURVIVED", p, b, [l for l in r.stdout.splitlines() if l.startswith("FAILED")][:1], flush=True)
