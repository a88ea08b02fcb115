"""./dev fuzz: lets a fuzzer try what reads bytes from outside, for a bounded time.

The targets are in fuzz/targets, their seeds in fuzz/seeds/TARGET. What the fuzzer finds by itself is kept in
.local/fuzz/TARGET, so that the next run goes on from there; an input that fails is written beside it and named.
"""

import os
import re
import subprocess

from tools import install, project
from tools.project import DevError, say

FUZZ = os.path.join(project.ROOT, "fuzz")
NAME, VERSION = "cargo-fuzz", "0.13.2"
# The stable compiler will do: it has no address sanitizer, but the code under test is safe Rust, where a panic is what can go
# wrong.
OPTIONS = ["--sanitizer", "none", "--fuzz-dir", FUZZ]
# One input may take so long, and a target so much memory, before it counts as a finding.
INPUT_TIMEOUT_S = 5
MEMORY_MIB = 1024


def targets():
    """The targets, and the feature of fuzz/Cargo.toml that each is built with."""
    with open(os.path.join(FUZZ, "Cargo.toml"), encoding="utf-8") as file:
        return dict(re.findall(r'^path = "targets/(\w+)\.rs"\nrequired-features = \["(\w+)"\]', file.read(), re.M))


def fuzz(arguments):
    if arguments.target and arguments.target not in targets():
        raise DevError(f"no target {arguments.target}; there are: {', '.join(targets())}")
    install.rust()
    install.system_packages({"build"})
    program = install.cargo_program(NAME, VERSION, "it builds and runs the fuzz targets")
    chosen = [arguments.target] if arguments.target else list(targets())
    env = project.environment(CARGO_TARGET_DIR=os.path.join(project.target_dir(), "fuzz"))
    failed = []
    for target in chosen:
        say(f"Fuzz {target} for {arguments.seconds} s")
        found = project.local("fuzz", target, "corpus")
        os.makedirs(found, exist_ok=True)
        common = [*OPTIONS, "--features", targets()[target], target]
        # By itself, so that what does not compile is not taken for a finding.
        built = subprocess.run([program, "fuzz", "build", *common], cwd=FUZZ, env=env, check=False)
        if built.returncode != 0:
            raise DevError(f"the target {target} cannot be built: see above")
        done = subprocess.run(
            [program, "fuzz", "run", *common, found, os.path.join(FUZZ, "seeds", target), "--",
             f"-max_total_time={arguments.seconds}", f"-timeout={INPUT_TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MIB}",
             f"-artifact_prefix={project.local('fuzz', target, '')}", "-print_final_stats=1", "-verbosity=1"],
            cwd=FUZZ, env=env, check=False)
        if done.returncode != 0:
            failed.append(target)
    if failed:
        raise DevError(f"findings in {', '.join(failed)}: the inputs are under .local/fuzz/; each becomes a test and a seed")
    say(f"{len(chosen)} targets, {arguments.seconds} s each: no findings")
