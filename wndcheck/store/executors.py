"""Executors that measure elsewhere: in processes of this machine, by a Dask cluster, by Slurm."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from wndcheck.devices import one_thread_each

if TYPE_CHECKING:
    from distributed import Client
    from distributed.cfexecutor import ClientExecutor

TRIES = 3  # times that a call is carried out whose process ends: one that runs out of memory would end all others, too
GRACE = 10.0  # seconds that processes get to leave their calls in order
HAND_OUTS = 3  # times that workers are given a file before what ends them is reported
JOB_HOURS, JOB_GIGABYTES = 8, 8  # of a Slurm job, unless SBATCH_TIMELIMIT and SBATCH_MEM_PER_NODE are set


class UnusableEngine(OSError):
    """A cluster cannot be reached, or used."""


class Terminated(SystemExit):
    """A worker process was told to end; a call that catches this must raise it again."""


class Retrying(ThreadPoolExecutor, ABC):
    """An executor whose threads each wait for a call elsewhere; a call that dies there is carried out again."""

    died: tuple[type[BaseException], ...] = ()

    def __init__(self, workers: int, say: Callable[[str], None]) -> None:
        super().__init__(workers, thread_name_prefix="wndcheck")
        self.say, self.is_stopping = say, False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return super().submit(self.insist, fn, *args, **kwargs)

    def insist(self, call: Callable[..., Any], *args: Any) -> Any:
        for left in reversed(range(TRIES)):
            with suppress(*self.died if left else ()):
                return self.elsewhere(call, *args)
            if self.is_stopping:
                break
            self.say("a worker process ended (killed, or out of memory?): its work is resumed in another one")
        raise RuntimeError("stopped")

    @abstractmethod
    def elsewhere(self, call: Callable[..., Any], *args: Any) -> Any:
        """Carry out a call, and return what it returns; one of `died` if what carries it out ends."""

    @abstractmethod
    def stop(self, in_order: bool) -> None:
        """End what is at work elsewhere; `in_order` when no call is."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.is_stopping = True
        self.shutdown(wait=False, cancel_futures=True)
        self.stop(in_order=kind is None)
        self.shutdown()


class Processes(Retrying):
    """Processes of this machine, one for each worker: one that ends leaves the others at work, and is replaced."""

    died = (BrokenProcessPool, SystemExit)  # killed, or terminated by another process

    def __init__(self, workers: int, say: Callable[[str], None]) -> None:
        super().__init__(workers, say)
        one_thread_each()
        self.idle: SimpleQueue[int] = SimpleQueue()
        self.others = multiprocessing.active_children()  # of the user's own, which are left alone
        # A terminal sends Ctrl-C to all processes: workers ignore it, and their parent ends them.
        with signal_handler(signal.SIGINT, signal.SIG_IGN):
            self.pools = [started(number) for number in range(workers)]
        for number in range(workers):
            self.idle.put(number)

    def elsewhere(self, call: Callable[..., Any], *args: Any) -> Any:
        number = self.idle.get()
        try:
            return self.pools[number].submit(call, *args).result()
        except BrokenProcessPool:
            self.pools[number].shutdown()
            if not self.is_stopping:
                self.pools[number] = started(number)
            raise
        finally:
            self.idle.put(number)

    def stop(self, in_order: bool) -> None:
        processes = [each for each in multiprocessing.active_children() if each not in self.others]
        for pool in self.pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for process in [] if in_order else processes:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()


class SlurmJobs(Retrying):
    """Slurm jobs, one for each call; `cluster` "local" runs them as processes of this machine."""

    def __init__(
        self, workers: int, say: Callable[[str], None], folder: Path, device: str, cluster: str = "slurm"
    ) -> None:
        import submitit
        from submitit.core.utils import UncompletedJobError

        super().__init__(workers, say)
        one_thread_each()
        self.died = (UncompletedJobError,)
        self.jobs: set[submitit.Job] = set()
        self.submitting = threading.Lock()
        try:
            self.executor = submitit.AutoExecutor(folder, cluster=cluster)
        except RuntimeError as error:
            raise UnusableEngine(f"there is no Slurm here: {error}") from None
        self.executor.update_parameters(
            name="wndcheck",
            timeout_min=JOB_HOURS * 60,
            mem_gb=JOB_GIGABYTES,
            cpus_per_task=1,
            gpus_per_node=int(device.startswith("cuda")),
        )

    def elsewhere(self, call: Callable[..., Any], *args: Any) -> Any:
        with self.submitting:
            job = self.executor.submit(call, *args)
            self.jobs.add(job)
        try:
            return job.result()
        finally:
            self.jobs.remove(job)

    def stop(self, in_order: bool) -> None:
        for job in list(self.jobs):
            job.cancel()


@contextmanager
def dask_workers(scheduler: str, modules: Iterable[Path] = ()) -> Iterator[tuple[ClientExecutor, int]]:
    """An executor on the workers of a Dask scheduler, named by its address or file, and how many there are now.

    They import `modules`, files of Python, as these are now. UnusableEngine if it is not there, or they have several
    threads.
    """
    from distributed import Client

    file = scheduler if Path(scheduler).is_file() else None
    try:
        client = Client(None if file else scheduler, scheduler_file=file)
    except (OSError, ValueError) as error:
        raise UnusableEngine(f"there is no Dask scheduler at {scheduler}, which is no file, either: {error}") from None
    with client:  # closing it leaves pieces at work to their workers
        threads = list(client.nthreads().values())  # pyright: ignore[reportAttributeAccessIssue]: it is not awaited
        if max(threads, default=1) > 1:
            raise UnusableEngine(f"workers of {scheduler} have several threads: start `dask worker --nthreads=1`")
        for module in modules:
            hand_out(client, module, scheduler)
        yield client.get_executor(pure=False), len(threads)


def hand_out(client: Client, module: Path, scheduler: str) -> None:
    """Give a file of Python to all workers, again where one died meanwhile. UnusableEngine if that goes on."""
    for left in reversed(range(HAND_OUTS)):
        try:
            client.upload_file(str(module))
            break
        except OSError as error:  # of which are distributed's errors of connections
            if not left:
                raise UnusableEngine(
                    f"workers of {scheduler} end, or the scheduler does, while they are given {module.name}: see that "
                    f"they run, and type the same command again ({error})"
                ) from None
            time.sleep(1)  # until the scheduler has noticed


# --- processes of this machine ----------------------------------------------------------------------------------------


def started(number: int) -> ProcessPoolExecutor:
    """A pool of one process, which has been started. It is a fresh Python, which reads what `one_thread_each` set."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, context, initializer=begin, initargs=(number,))
    pool.submit(os.getpid)
    return pool


worker_number: int | None = None  # of this process


def begin(number: int) -> None:
    """Set up a worker process."""
    global worker_number
    worker_number = number
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=end_with_parent, daemon=True).start()


def leave(*_: object) -> None:
    """Leave a call by an exception, so that cells are released and no file stays unfinished."""
    raise Terminated(128 + signal.SIGTERM)


def end_with_parent() -> None:
    """End when the parent does: a parent that is killed cannot end its workers."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


# --- signals ----------------------------------------------------------------------------------------------------------


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, of schedulers, of a terminal that is closed
PATIENCE = 20.0  # seconds after an interruption in which further ones are ignored: what is at work ends in order


@contextmanager
def termination_as_interruption() -> Iterator[Callable[[], None]]:
    """Handle SIGTERM and SIGHUP as Ctrl-C, and ignore further interruptions for PATIENCE seconds after one.

    Yields a function that ignores interruptions for as long, from its call on.
    """
    last = -PATIENCE

    def defer() -> None:
        nonlocal last
        last = time.monotonic()

    def interrupt(*_: object) -> None:
        if time.monotonic() - last >= PATIENCE:
            defer()
            raise KeyboardInterrupt

    with handled(interrupt):
        yield defer


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Raise an interruption only at the end of the context, which is to be short."""
    arrived: list[object] = []
    with handled(lambda *_: arrived.append(_)):
        yield
    if arrived:
        raise KeyboardInterrupt


@contextmanager
def handled(handler: Callable[..., None]) -> Iterator[None]:
    """Handle those of SIGNALS that are not ignored, as nohup has it."""
    with ExitStack() as handlers:
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                handlers.enter_context(signal_handler(number, handler))
        yield


@contextmanager
def signal_handler(number: signal.Signals, handler: Any) -> Iterator[None]:
    """Set a signal's handler within the context; without effect in other threads than the main one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
