using System;

namespace Sos.Fuzz;

/// <summary>A parser broke what it promises, without an exception of its own.</summary>
public sealed class FuzzException : Exception
{
    /// <summary>Names the promise.</summary>
    public FuzzException(string message)
        : base(message)
    {
    }

    /// <summary>Throws unless <paramref name="condition"/> holds.</summary>
    /// <exception cref="FuzzException">It does not.</exception>
    public static void Require(bool condition, string promise)
    {
        if (!condition)
        {
            throw new FuzzException(promise);
        }
    }
}
