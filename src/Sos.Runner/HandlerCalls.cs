using System.Runtime.InteropServices;
using Sos.Linux;

namespace Sos.Runner;

/// <summary>
/// The system calls of the signal handler. They are on the list of signal-safety(7), and change no mode of the runtime (SuppressGCTransition), since
/// the thread that it interrupted may be in the service.
/// </summary>
internal static unsafe partial class HandlerCalls
{
    [LibraryImport("libc", EntryPoint = "gettid")]
    [SuppressGCTransition]
    public static partial int GetThreadId();

    [LibraryImport("libc", EntryPoint = "write")]
    [SuppressGCTransition]
    public static partial nint Write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "sigaction")]
    [SuppressGCTransition]
    public static partial int SetAction(int signal, SignalCalls.SignalAction* action, SignalCalls.SignalAction* former);
}
