using System;

namespace Sos.Lab;

/// <summary>The lab cannot do what was asked: something is missing, or the guest failed.</summary>
public class LabException : Exception
{
    /// <param name="message">What failed and what to do about it.</param>
    /// <param name="cause">The cause, if another exception reported it.</param>
    public LabException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
