// What the block of integrations/gin/README.md uses.
package p

var engine *gin.Engine
