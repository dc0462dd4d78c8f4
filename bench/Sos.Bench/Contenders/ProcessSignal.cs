using System.Runtime.InteropServices;

namespace Sos.Bench.Contenders;

/// <summary>Signals to a process.</summary>
internal static partial class ProcessSignal
{
    public const int Continue = 18; // SIGCONT
    public const int Stop = 19; // SIGSTOP

    public static void Send(int process, int signal) => _ = Kill(process, signal);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
