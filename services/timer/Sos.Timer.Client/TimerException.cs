using System;

namespace Sos.Timer.Client;

/// <summary>The timer service could not do what was asked; the message says why.</summary>
public sealed class TimerException : Exception
{
    /// <summary>Says why.</summary>
    public TimerException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
