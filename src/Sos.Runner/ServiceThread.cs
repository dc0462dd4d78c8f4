using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Sos.Abi;
using Sos.Linux;

namespace Sos.Runner;

/// <summary>
/// Enters the service and takes the thread back from it, by signals alone: SIGUSR2, which the thread sends to itself, has the
/// handler replace the interrupted registers by those of the service's start; the gate's exit, a fault or a forced stop (SIGUSR1)
/// has it put the first registers back, so that the thread returns from the call that sent SIGUSR2.
/// </summary>
/// <remarks>
/// Why a C# handler is sound here. It acts only while this thread is in the service, or in tgkill on its way there: an ordinary
/// P/Invoke, so that the runtime counts the thread as outside of managed code and [UnmanagedCallersOnly] may enter. Until the end
/// of the service the thread runs no managed code but this handler, on the signal stack, where it allocates nothing, throws
/// nothing, and calls nothing but system calls bound at link time. All other signals are blocked meanwhile, so that
/// no handler of the runtime runs on the service's stack. The service uses no FS base: thread-local storage stays the thread's.
/// A fault elsewhere gets its former disposition back and happens again, for the runtime to handle.
/// </remarks>
internal static unsafe class ServiceThread
{
    private const uint ForcedVector = 0x100; // SOS_FAULT_FORCED
    private const uint PageFault = 14;
    private const uint GeneralProtection = 13;
    private const ulong GateExit = 0;
    private const ulong GateNotify = 1;
    private const ulong GateAct = 2;
    private const ulong NotGranted = unchecked((ulong)-1);
    private const nuint SignalStackSize = 256 << 10; // frames with AVX-512 and AMX state take 11 KiB
    private const ulong KeptFlags = 0x202; // IF and the bit that is always 1

    private static readonly int[] FaultSignals = [SignalCalls.Sigsegv, SignalCalls.Sigbus, SignalCalls.Sigill, SignalCalls.Sigfpe, SignalCalls.Sigtrap];

    private static RunnerPage* _page;
    private static delegate* unmanaged[SuppressGCTransition]<ulong> _readTsc;
    private static SignalCalls.SignalAction* _former;
    private static SignalContext.Registers _return;
    private static ulong _returnMask;
    private static int _threadId;
    private static int _processId;
    private static bool _entered;
    private static bool _gateAdvances;

    /// <summary>Prepares this thread; the handlers stay until the process ends.</summary>
    /// <returns>0 or an errno.</returns>
    public static int Prepare(RunnerPage* page)
    {
        _page = page;
        _threadId = HandlerCalls.GetThreadId();
        _processId = ProcessCalls.GetProcessId();
        _readTsc = TimeStampCounter.Make();
        _former = (SignalCalls.SignalAction*)NativeMemory.AllocZeroed(64, (nuint)sizeof(SignalCalls.SignalAction));

        // With FRED (CPUID 7.1:EAX.17) Linux reports INT n with RIP behind it and error code 0.
        _gateAdvances = X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 1).Eax & (1 << 17)) != 0;
        void* stack = Libc.Mmap(
            null, SignalStackSize, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapPrivate | Libc.MapAnonymous, -1, 0);
        if (_readTsc == null || stack == Libc.MapFailed)
        {
            return Marshal.GetLastPInvokeError();
        }

        SignalCalls.SignalStack signalStack = new() { Start = stack, Size = SignalStackSize };
        if (SignalCalls.SetStack(&signalStack, null) != 0)
        {
            return Marshal.GetLastPInvokeError();
        }

        // A forced stop that comes early waits until the service is entered.
        SignalCalls.SignalSet blocked = default;
        blocked[0] = Bit(SignalCalls.Sigusr1);
        int errno = SignalCalls.SetThreadMask(SignalCalls.Block, &blocked, null);
        foreach (int signal in FaultSignals)
        {
            errno = errno != 0 ? errno : Install(signal);
        }

        errno = errno != 0 ? errno : Install(SignalCalls.Sigusr1);
        return errno != 0 ? errno : Install(SignalCalls.Sigusr2);
    }

    /// <summary>Runs the service to its end; the page then says how it ended.</summary>
    /// <returns>0 or an errno.</returns>
    public static int Run()
        => SignalCalls.SendToThread(_processId, _threadId, SignalCalls.Sigusr2) == 0 ? 0 : Marshal.GetLastPInvokeError();

    private static int Install(int signal)
    {
        SignalCalls.SignalAction action = new()
        {
            Handler = (delegate* unmanaged<int, void*, SignalContext*, void>)&Handle,
            Flags = SignalCalls.SignalAction.HasInfo | SignalCalls.SignalAction.OnStack,
        };
        ((Span<ulong>)action.Mask).Fill(ulong.MaxValue);
        return SignalCalls.SetAction(signal, &action, _former + signal) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    [UnmanagedCallersOnly]
    private static void Handle(int signal, void* info, SignalContext* context)
    {
        if (HandlerCalls.GetThreadId() != _threadId || _entered == (signal == SignalCalls.Sigusr2))
        {
            Decline(signal);
        }
        else if (signal == SignalCalls.Sigusr2)
        {
            Enter(context);
        }
        else if (signal != SignalCalls.Sigsegv || !TryGate(context))
        {
            Record(signal, context);
            Leave(context, RunnerState.Faulted);
        }
    }

    // Not the service's: a fault happens again under its former disposition, and a signal from elsewhere is dropped.
    private static void Decline(int signal)
    {
        if (signal != SignalCalls.Sigusr1 && signal != SignalCalls.Sigusr2)
        {
            _ = HandlerCalls.SetAction(signal, _former + signal, null);
        }
    }

    private static void Enter(SignalContext* context)
    {
        _return = context->General;
        _returnMask = context->BlockedSignals;
        ulong segments = context->General.Segments;
        context->General = new SignalContext.Registers
        {
            Rip = _page->Entry,
            Rsp = _page->StackTop,
            Rdi = _page->Argument,
            Rflags = KeptFlags,
            Segments = segments,
        };
        context->BlockedSignals = ~(Bit(SignalCalls.Sigsegv) | Bit(SignalCalls.Sigbus) | Bit(SignalCalls.Sigill) | Bit(SignalCalls.Sigfpe)
            | Bit(SignalCalls.Sigtrap) | Bit(SignalCalls.Sigusr1));
        _entered = true;
        _page->ThreadId = _threadId;
        System.Threading.Volatile.Write(ref _page->State, (uint)RunnerState.Entered);
    }

    private static void Leave(SignalContext* context, RunnerState state)
    {
        _entered = false;
        context->General = _return;
        context->BlockedSignals = _returnMask;
        System.Threading.Volatile.Write(ref _page->State, (uint)state);
    }

    // "int 0x20" is a general protection fault in a process: its gate in Linux's IDT has privilege level 0.
    private static bool TryGate(SignalContext* context)
    {
        ulong rip = context->General.Rip;
        if (context->General.TrapNumber != GeneralProtection)
        {
            return false;
        }

        ulong next = IsGate(rip) ? rip + 2 : _gateAdvances && context->General.ErrorCode == 0 && IsGate(rip - 2) ? rip : 0;
        ulong call = (uint)context->General.Rax;
        if (next == 0 || call is not (GateExit or GateNotify or GateAct))
        {
            return false;
        }

        if (call == GateExit)
        {
            _page->ExitCode = (long)context->General.Rdi;
            Leave(context, RunnerState.Exited);
            return true;
        }

        // The gate may change RAX. It must not leave a function's number there: with FRED, a general protection fault of the instruction
        // behind the gate looks like the gate, and is recorded only as RAX then names no function.
        context->General.Rip = next;
        context->General.Rax = NotGranted;
        if (call == GateAct)
        {
            return true;
        }

        // The descriptor does not block: a counter that is full already tells what there is to tell.
        ulong one = 1;
        _page->Notifications++;
        _ = HandlerCalls.Write(_page->Notifier, &one, sizeof(ulong));
        return true;
    }

    private static bool IsGate(ulong address)
        => IsReadable(address, 2, needsCode: true) && *(byte*)address == 0xcd && *(byte*)(address + 1) == 0x20;

    private static bool IsReadable(ulong address, ulong size, bool needsCode)
    {
        for (int i = 0; i < (int)_page->RegionCount; i++)
        {
            ref RunnerRegion region = ref Unsafe.Add(ref Unsafe.As<RunnerPage.RegionList, RunnerRegion>(ref _page->Regions), i);
            if (address - region.Address < region.Size && region.Size - (address - region.Address) >= size)
            {
                return !needsCode || (region.Protection & Libc.ProtectExecute) != 0;
            }
        }

        return false;
    }

    private static void Record(int signal, SignalContext* context)
    {
        ref SignalContext.Registers r = ref context->General;
        ref SosFault fault = ref _page->Fault;
        bool forced = signal == SignalCalls.Sigusr1;
        fault.Vector = !forced ? (uint)r.TrapNumber : _page->ForcedVector != 0 ? _page->ForcedVector : ForcedVector;
        fault.Ring = 3;
        _page->Faults++;
        fault.ErrorCode = forced ? 0 : r.ErrorCode;
        fault.Address = fault.Vector == PageFault ? r.Cr2 : 0;
        fault.Tsc = _readTsc();
        (fault.Rip, fault.Rsp, fault.Rflags) = (r.Rip, r.Rsp, r.Rflags);
        (fault.Rax, fault.Rbx, fault.Rcx, fault.Rdx) = (r.Rax, r.Rbx, r.Rcx, r.Rdx);
        (fault.Rsi, fault.Rdi, fault.Rbp) = (r.Rsi, r.Rdi, r.Rbp);
        (fault.R8, fault.R9, fault.R10, fault.R11) = (r.R8, r.R9, r.R10, r.R11);
        (fault.R12, fault.R13, fault.R14, fault.R15) = (r.R12, r.R13, r.R14, r.R15);
        ulong* stack = (ulong*)Unsafe.AsPointer(ref fault.Stack);
        for (int i = 0; i < SosFault.StackWords; i++)
        {
            ulong address = r.Rsp + ((ulong)i * sizeof(ulong));
            stack[i] = IsReadable(address, sizeof(ulong), needsCode: false) ? *(ulong*)address : 0;
        }
    }

    private static ulong Bit(int signal) => 1UL << (signal - 1);
}
