using System;
using System.Collections.Generic;

namespace Sos.Cores;

/// <summary>The kind of a failure: the exit code of <c>sosctl</c>.</summary>
public enum SosError
{
    /// <summary>Tried, and failed.</summary>
    Failed = 1,

    /// <summary>The command line is wrong.</summary>
    Usage = 2,

    /// <summary>The driver is not loaded, or speaks another ABI.</summary>
    DriverMissing = 3,

    /// <summary>The caller may not do that.</summary>
    NotPermitted = 4,

    /// <summary>Busy, or refused for the machine's sake.</summary>
    Refused = 5,

    /// <summary>There is no such core, device, file or service.</summary>
    NotFound = 6,

    /// <summary>The service image is damaged, or the verifier refuses it.</summary>
    BadImage = 7,

    /// <summary>A service's table cannot be built of its source (rules, routes), or does not fit.</summary>
    BadTable = 8,
}

/// <summary>An operation of the control plane failed. The message says what to do next.</summary>
public sealed class SosException : Exception
{
    /// <summary>Names the failure.</summary>
    public SosException(SosError error, string message)
        : base(message) => Error = error;

    /// <summary>Names the failure and what caused it.</summary>
    public SosException(SosError error, string message, Exception cause)
        : base(message, cause) => Error = error;

    /// <summary>The kind of the failure.</summary>
    public SosError Error { get; }

    /// <summary>Notes for a person beside it: the last words of a service that failed, what could not be undone.</summary>
    public IReadOnlyList<string> Notes { get; private set; } = [];

    /// <summary>Runs an operation that takes notes. When it fails they go with the failure.</summary>
    internal static T Noting<T>(List<string> notes, Func<T> operation)
    {
        try
        {
            return operation();
        }
        catch (SosException e)
        {
            e.Notes = [.. e.Notes, .. notes];
            throw;
        }
    }
}
