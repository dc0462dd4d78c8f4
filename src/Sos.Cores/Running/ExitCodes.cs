using Sos.Sdk.Services;

namespace Sos.Cores.Running;

/// <summary>Says how a service ended.</summary>
public static class ExitCodes
{
    /// <summary>How a service ended that failed without a fault record.</summary>
    public const string Killed = "its process was killed: the kernel log may say by whom ('dmesg | tail')";

    /// <summary>The exit code in words.</summary>
    public static string Explain(long exitCode) => exitCode switch
    {
        ExitCode.Stopped => "it obeyed the stop request (exit code 0)",
        ExitCode.BadControlRegion => "it did not understand its control region: build image and sosctl from the same version (exit code -1)",
        ExitCode.AbiMismatch => "it was built for another ABI: build image and sosctl from the same version (exit code -2)",
        ExitCode.ArenaTooSmall => "its arena is too small: give it more with --arena (exit code -3)",
        ExitCode.NoStatistics => "it has no room for its statistics (exit code -4)",
        _ => $"exit code {exitCode}, which its documentation explains",
    };
}
