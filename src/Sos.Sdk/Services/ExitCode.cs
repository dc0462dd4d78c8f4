namespace Sos.Sdk.Services;

/// <summary>Exit codes that the SDK itself gives. A service's own are positive.</summary>
public static class ExitCode
{
    /// <summary>The service was asked to stop, and did.</summary>
    public const long Stopped = 0;

    /// <summary>The control region has the wrong magic, size or resource count.</summary>
    public const long BadControlRegion = -1;

    /// <summary>The control plane speaks another ABI version than the service was built for.</summary>
    public const long AbiMismatch = -2;

    /// <summary>There is no arena, or the service's own state does not fit it.</summary>
    public const long ArenaTooSmall = -3;

    /// <summary>There is no statistics resource, or it is too small.</summary>
    public const long NoStatistics = -4;
}
