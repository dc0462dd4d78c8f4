using System;
using Sos.Abi;

namespace Sos.Cores.Native;

/// <summary>Turns the faults that the monitor and the runner record into <see cref="FaultRecord"/>.</summary>
internal static class RecordedFault
{
    /// <summary>Returns the fault in the words of the control plane.</summary>
    public static FaultRecord ToRecord(this in SosFault fault)
        => new(
            fault.Vector, fault.Ring, fault.ErrorCode, fault.Address, fault.Tsc, fault.Rip, fault.Rsp, fault.Rflags,
            [
                fault.Rax, fault.Rbx, fault.Rcx, fault.Rdx, fault.Rsi, fault.Rdi, fault.Rbp,
                fault.R8, fault.R9, fault.R10, fault.R11, fault.R12, fault.R13, fault.R14, fault.R15,
            ],
            [.. (ReadOnlySpan<ulong>)fault.Stack]);
}
