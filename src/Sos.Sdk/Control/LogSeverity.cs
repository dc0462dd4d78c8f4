namespace Sos.Sdk.Control;

/// <summary>How grave a log record is; the numbers are those of syslog (RFC 5424, 6.2.1).</summary>
public enum LogSeverity : uint
{
    /// <summary>The service cannot go on.</summary>
    Critical = 2,

    /// <summary>Something failed.</summary>
    Error = 3,

    /// <summary>Something is not as it should be.</summary>
    Warning = 4,

    /// <summary>Normal, but worth knowing.</summary>
    Notice = 5,

    /// <summary>Information.</summary>
    Informational = 6,

    /// <summary>For the service's author.</summary>
    Debug = 7,
}
